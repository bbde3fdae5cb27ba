//! Ending what somebody has open: sessions, and tokens with them where all must end.

use gwm_events::Actor;
use uuid::Uuid;

use crate::error::Result;
use crate::store::change::Touched;
use crate::store::session::SessionRow;
use crate::store::token::TokenRow;
use crate::store::{PgConnection, event, session, token};

/// What ended in this transaction.
#[derive(Debug, Default)]
pub(crate) struct Ended {
    pub(crate) sessions: Vec<SessionRow>,
    pub(crate) tokens: Vec<TokenRow>,
}

impl Ended {
    /// Everything that the user has open. Console tickets count no more with what they were made by.
    pub(crate) async fn everything(
        connection: &mut PgConnection,
        user: Uuid,
        reason: &str,
    ) -> Result<Self> {
        let sessions = session::end_all_of(connection, user, None, reason).await?;
        Ok(Self { sessions, tokens: token::revoke(connection, user, None).await? })
    }

    /// The user's sessions, but `keep`.
    pub(crate) async fn sessions(
        connection: &mut PgConnection,
        user: Uuid,
        keep: Option<Uuid>,
        reason: &str,
    ) -> Result<Self> {
        let sessions = session::end_all_of(connection, user, keep, reason).await?;
        Ok(Self { sessions, tokens: Vec::new() })
    }

    /// For the watch.
    pub(crate) fn touched(&self, users: Vec<Uuid>) -> Touched {
        Touched {
            users,
            ended_sessions: self.sessions.iter().map(|s| s.session_id).collect(),
            revoked_tokens: self.tokens.iter().map(|t| t.token_id).collect(),
            ..Touched::default()
        }
    }

    /// The events of it; after the change was recorded.
    pub(crate) async fn tell(
        &self,
        connection: &mut PgConnection,
        actor: Option<&Actor>,
    ) -> Result<()> {
        for row in &self.sessions {
            event::session_ended(connection, row, actor.cloned()).await?;
        }
        for row in &self.tokens {
            event::token_revoked(connection, row, actor.cloned()).await?;
        }
        Ok(())
    }
}
