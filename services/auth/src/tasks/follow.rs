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
use crate::store::change::Touched;
use crate::store::{
    PgConnection, Store, change, commit, rights, schema_missing, selector, snapshot,
};

/// A notification that is lost costs this.
const POLL: Duration = Duration::from_millis(200);
/// A poll that takes longer says nothing of now: it counts as none, and watchers hear nothing.
const POLL_LIMIT: Duration = Duration::from_millis(450);
/// Part of it.
const TELL_LIMIT: Duration = Duration::from_millis(300);
const CONNECT_LIMIT: Duration = Duration::from_secs(3);
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
        let mut connection = None;
        while !soft.is_cancelled() {
            match self.round(&mut connection).await {
                // Straight on: what was loaded may be old already.
                Ok(Poll::Behind) => continue,
                Ok(Poll::Seen) => self.condition.up(),
                Err(error) => {
                    connection = None;
                    self.condition.down(if schema_missing(&error) {
                        "the database has no tables yet: run gwm-auth migrate".to_owned()
                    } else {
                        chain(&error)
                    });
                }
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

    /// One look. After a failure the connection is of no use any more.
    async fn round(&self, connection: &mut Option<PgConnection>) -> Result<Poll> {
        let open = match connection {
            Some(open) => open,
            None => connection.insert(within(CONNECT_LIMIT, self.store.connect()).await?),
        };
        let polled = within(POLL_LIMIT, self.poll(open)).await?;
        if matches!(polled, Poll::Behind) {
            within(LOAD_LIMIT, self.load(open)).await?;
        }
        Ok(polled)
    }

    async fn poll(&self, connection: &mut PgConnection) -> Result<Poll> {
        let Some(known) = self.hub.revision() else { return Ok(Poll::Behind) };
        if change::newest(connection).await? == known {
            self.hub.attest(known, None);
            return Ok(Poll::Seen);
        }
        let mut tx = snapshot(connection).await?;
        let newest = change::newest(&mut tx).await?;
        let Some(touched) = change::since(&mut tx, known, newest).await? else {
            return Ok(Poll::Behind);
        };
        // More than one poll can tell in its time, like the members of a selector of everything: all is loaded
        // instead, or each poll would fail at it.
        let Ok(told) = tokio::time::timeout(TELL_LIMIT, tell(&mut tx, &touched)).await else {
            return Ok(Poll::Behind);
        };
        let told = told?;
        commit(tx).await?;
        self.hub.attest(newest, Some(told));
        Ok(Poll::Seen)
    }

    async fn load(&self, connection: &mut PgConnection) -> Result<()> {
        let mut tx = snapshot(connection).await?;
        let newest = change::newest(&mut tx).await?;
        let all = rights::snapshot(&mut tx).await?;
        commit(tx).await?;
        tracing::info!(revision = newest, users = all.users.len(), "rights loaded");
        self.hub.reload(newest, all);
        Ok(())
    }
}

/// What is so now of all that was touched.
async fn tell(connection: &mut PgConnection, touched: &Touched) -> Result<Change> {
    let texts = |ids: &[Uuid]| ids.iter().map(Uuid::to_string).collect();
    Ok(Change {
        users: rights::load(&mut *connection, Some(&touched.users)).await?,
        ended_sessions: texts(&touched.ended_sessions),
        revoked_tokens: texts(&touched.revoked_tokens),
        keys: if touched.keys { rights::keys(&mut *connection).await? } else { Vec::new() },
        selectors: selector::members(&mut *connection, Some(&touched.selectors)).await?,
        selected: selector::selected(connection, &touched.instances).await?,
    })
}

async fn within<T>(limit: Duration, work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_| Err(slow()))
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
