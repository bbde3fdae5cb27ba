//! Following the change log, whichever replica wrote it.

use std::sync::Arc;
use std::time::Duration;

use gwm_kernel::Condition;
use gwm_proto::auth::Change;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::app::Hub;
use crate::error::{Result, chain};
use crate::store::{Store, change, commit, rights, schema_missing};

/// A notification that is lost costs this.
const POLL: Duration = Duration::from_millis(200);
/// A poll that takes longer says nothing of now: it counts as none, and watchers hear nothing.
const POLL_LIMIT: Duration = Duration::from_millis(450);
/// Loading everything may take longer; a poll follows before anybody is told.
const LOAD_LIMIT: Duration = Duration::from_secs(30);

/// The one that feeds the hub.
pub(crate) struct Follower {
    pub(crate) store: Store,
    pub(crate) hub: Arc<Hub>,
    pub(crate) wake: Arc<Notify>,
    pub(crate) condition: Condition,
}

enum Poll {
    Seen,
    Behind,
}

impl Follower {
    /// Polls until `soft`, then ends all watches.
    pub(crate) async fn run(self, soft: CancellationToken) -> anyhow::Result<()> {
        while !soft.is_cancelled() {
            let polled = tokio::time::timeout(POLL_LIMIT, self.poll()).await;
            let failed = match polled {
                Ok(Ok(Poll::Seen)) => None,
                Ok(Ok(Poll::Behind)) => match tokio::time::timeout(LOAD_LIMIT, self.load()).await {
                    // Straight on: what was loaded may be old already.
                    Ok(Ok(())) => continue,
                    Ok(Err(error)) => Some(error),
                    Err(_) => Some(slow()),
                },
                Ok(Err(error)) => Some(error),
                Err(_) => Some(slow()),
            };
            match failed {
                None => self.condition.up(),
                Some(error) if schema_missing(&error) => {
                    self.condition.down("the database has no tables yet: run gwm-auth migrate");
                }
                Some(error) => self.condition.down(chain(&error)),
            }
            tokio::select! {
                () = soft.cancelled() => {}
                () = self.wake.notified() => {}
                () = tokio::time::sleep(POLL) => {}
            }
        }
        self.hub.close();
        Ok(())
    }

    async fn poll(&self) -> Result<Poll> {
        let Some(known) = self.hub.revision() else { return Ok(Poll::Behind) };
        let mut tx = self.store.begin_snapshot().await?;
        let newest = change::newest(&mut tx).await?;
        if newest == known {
            commit(tx).await?;
            self.hub.attest(newest, None);
            return Ok(Poll::Seen);
        }
        let Some(touched) = change::since(&mut tx, known, newest).await? else {
            return Ok(Poll::Behind);
        };
        let texts = |ids: &[Uuid]| ids.iter().map(Uuid::to_string).collect();
        let told = Change {
            users: rights::load(&mut tx, Some(&touched.users)).await?,
            ended_sessions: texts(&touched.ended_sessions),
            revoked_tokens: texts(&touched.revoked_tokens),
            keys: if touched.keys { rights::keys(&mut tx).await? } else { Vec::new() },
        };
        commit(tx).await?;
        self.hub.attest(newest, Some(told));
        Ok(Poll::Seen)
    }

    async fn load(&self) -> Result<()> {
        let mut tx = self.store.begin_snapshot().await?;
        let newest = change::newest(&mut tx).await?;
        let snapshot = rights::snapshot(&mut tx).await?;
        commit(tx).await?;
        tracing::info!(revision = newest, users = snapshot.users.len(), "rights loaded");
        self.hub.reload(newest, snapshot);
        Ok(())
    }
}

fn slow() -> crate::error::Error {
    crate::error::Error::Internal("the database answers too slowly".to_owned())
}

/// Wakes the follower at each notification, until `soft`.
pub(crate) async fn wake_up(
    store: Store,
    wake: Arc<Notify>,
    soft: CancellationToken,
) -> anyhow::Result<()> {
    let listen = async {
        loop {
            if let Ok(mut listener) = store.listen().await {
                while listener.recv().await.is_ok() {
                    wake.notify_one();
                }
            }
            // The poll goes on meanwhile.
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    tokio::select! {
        () = listen => {}
        () = soft.cancelled() => {}
    }
    Ok(())
}
