//! Whose account is meant: one's own, or as an administrator anybody's.

use gwm_authz::Principal;
use uuid::Uuid;

use super::Rpcs;
use crate::app::{On, require_admin};
use crate::error::{Error, Result};
use crate::store::{commit, user};

impl Rpcs {
    /// By id or login name; nothing is oneself.
    pub(super) async fn whose(
        &self,
        principal: &Principal,
        asked: &str,
        action: &'static str,
    ) -> Result<Uuid> {
        let asked = asked.trim();
        let me = principal.user_id;
        if asked.is_empty() || asked == principal.username || asked == me.to_string() {
            return Ok(me.0);
        }
        let on = On::User(asked.to_owned());
        require_admin(&self.authz, &self.store, principal, action, on).await?;
        let mut tx = self.store.begin().await?;
        let found = user::find(&mut tx, asked).await?.ok_or(Error::NotFound("user"))?;
        commit(tx).await?;
        Ok(found.user_id)
    }
}
