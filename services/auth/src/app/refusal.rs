//! Refusing what somebody may not do, so that it is seen.

use gwm_authz::{Authz, Principal};
use gwm_events::types::audit::{Outcome, Person};
use gwm_kernel::{ErrorCode, Fault};
use gwm_types::{Object, Permission};

use crate::error::{Error, Result};
use crate::metrics;
use crate::store::{Store, audit, commit};

/// Goes on only for an administrator of everything; a refusal is logged, counted and put on record.
pub(crate) async fn require_admin(
    authz: &Authz,
    store: &Store,
    principal: &Principal,
    action: &'static str,
) -> Result<()> {
    require_admin_of(authz, store, principal, action, Object::Fleet).await
}

/// The same for who holds `admin` on the object.
pub(crate) async fn require_admin_of(
    authz: &Authz,
    store: &Store,
    principal: &Principal,
    action: &'static str,
    object: Object,
) -> Result<()> {
    let Err(fault) = authz.require(principal, Permission::Admin, object) else { return Ok(()) };
    record(store, principal, action).await?;
    Err(Error::Refused(fault))
}

/// Puts on record that somebody may not do this, and yields the refusal that says so.
pub(crate) async fn refuse(
    store: &Store,
    principal: &Principal,
    action: &'static str,
    text: &'static str,
) -> Result<Error> {
    record(store, principal, action).await?;
    let fault = Fault::new(ErrorCode::PermissionDenied, "permission_denied", text);
    Ok(Error::Refused(fault))
}

async fn record(store: &Store, principal: &Principal, action: &'static str) -> Result<()> {
    metrics::denied(action);
    tracing::warn!(action, user_id = %principal.user_id, username = principal.username, "refused");
    let mut tx = store.begin().await?;
    let refused = audit::Act {
        action,
        outcome: Outcome::Refused,
        reason: Some("permission_denied"),
        person: person(principal),
        object: None,
    };
    audit::append(&mut tx, refused).await?;
    commit(tx).await
}

/// As the audit log names somebody.
pub(crate) fn person(principal: &Principal) -> Person {
    Person {
        user_id: Some(principal.user_id.to_string()),
        username: Some(principal.username.clone()),
        acting_as: principal.group(),
        session_id: principal.session_id.map(|s| s.to_string()),
        token_id: principal.token_id.map(|t| t.to_string()),
        client_address: Some(principal.client_address.clone()),
    }
}
