//! What this replica knows of everybody's rights, and those who follow it.
//!
//! The follower (`tasks::follow`) is the only one that feeds it. Each message that goes out says
//! that the database was seen not longer ago than one poll takes: so when the database can't be
//! seen nothing goes out, not even heartbeats, and watchers stop trusting what they have.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use gwm_authz::{Authz, Selected};
use gwm_proto::auth::watch_response::Body;
use gwm_proto::auth::{Change, Heartbeat, SigningKey, Snapshot, UserRights, WatchResponse};
use tokio::sync::mpsc;
use tonic::Status;

use crate::error::{Error, Result};
use crate::metrics;

/// A watcher that is this many messages behind is cut; it connects again and gets a snapshot.
const QUEUE: usize = 64;
/// Heartbeats go out about as often as this; the contract says every 500 ms.
const HEARTBEAT: Duration = Duration::from_millis(350);
/// A snapshot is given to a new watcher only if the database was seen this recently.
const RECENT: Duration = Duration::from_millis(800);
/// How long ends of sessions stay in snapshots: longer than an assertion lives.
const TELL_ENDED: Duration = Duration::from_secs(180);

/// Where a watcher's messages come from.
pub(crate) type Watcher = mpsc::Receiver<Result<WatchResponse, Status>>;

/// See the module.
#[derive(Debug)]
pub(crate) struct Hub {
    authz: Authz,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// `None` until the first load.
    revision: Option<i64>,
    keys: Vec<SigningKey>,
    /// By [`holder`].
    users: HashMap<String, UserRights>,
    selected: Selected,
    ended_sessions: HashMap<String, Instant>,
    revoked_tokens: HashMap<String, Instant>,
    /// Loaded anew, and watchers were not told yet.
    reloaded: bool,
    seen: Option<Instant>,
    sent: Option<Instant>,
    watchers: Vec<mpsc::Sender<Result<WatchResponse, Status>>>,
    closed: bool,
}

impl Hub {
    /// One that also feeds this replica's own decisions.
    pub(crate) fn new(authz: Authz) -> Self {
        Self { authz, state: Mutex::default() }
    }

    /// The last change known.
    pub(crate) fn revision(&self) -> Option<i64> {
        self.lock().revision
    }

    /// Replaces everything. Nobody is told before the next [`Hub::attest`]: loading may have taken
    /// longer than a message may be old.
    pub(crate) fn reload(&self, revision: i64, snapshot: Snapshot) {
        let mut state = self.lock();
        state.revision = Some(revision);
        state.keys = snapshot.keys;
        state.users = snapshot.users.into_iter().map(|u| (holder(&u), u)).collect();
        state.selected = Selected::default();
        state.selected.replace(number(revision), &snapshot.selectors);
        state.end(&snapshot.ended_sessions, &snapshot.revoked_tokens);
        state.reloaded = true;
    }

    /// Says that the database was just seen, at `revision`, with these changes since the last time.
    pub(crate) fn attest(&self, revision: i64, change: Option<Change>) {
        let mut state = self.lock();
        let now = Instant::now();
        state.seen = Some(now);
        state.revision = Some(revision);
        if let Some(change) = &change {
            state.take_in(revision, change);
        }
        let body = if std::mem::take(&mut state.reloaded) {
            Body::Snapshot(state.snapshot())
        } else if let Some(change) = change {
            Body::Change(change)
        } else if state.sent.is_none_or(|at| now.duration_since(at) >= HEARTBEAT) {
            Body::Heartbeat(Heartbeat {})
        } else {
            return;
        };
        state.sent = Some(now);
        self.authz.receive(number(revision), body.clone());
        let message = WatchResponse { revision: number(revision), body: Some(body) };
        let before = state.watchers.len();
        // A full queue is a slow watcher: the changes wait for nobody.
        state.watchers.retain(|watcher| match watcher.try_send(Ok(message.clone())) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Closed(_)) => false,
            Err(mpsc::error::TrySendError::Full(_)) => {
                tracing::warn!("a watcher does not take its messages and is cut");
                metrics::watcher_cut();
                false
            }
        });
        if state.watchers.len() != before {
            metrics::watchers(state.watchers.len());
        }
    }

    /// A new watcher: its first message is a snapshot.
    pub(crate) fn watch(&self) -> Result<Watcher> {
        let mut state = self.lock();
        let fresh = state.seen.is_some_and(|at| at.elapsed() <= RECENT) && !state.reloaded;
        let Some(revision) = state.revision.filter(|_| fresh && !state.closed) else {
            return Err(Error::NotReady);
        };
        let (sender, receiver) = mpsc::channel(QUEUE);
        let body = Some(Body::Snapshot(state.snapshot()));
        if sender.try_send(Ok(WatchResponse { revision: number(revision), body })).is_err() {
            return Err(Error::NotReady);
        }
        state.watchers.push(sender);
        metrics::watchers(state.watchers.len());
        Ok(receiver)
    }

    /// Ends all watches: this process goes, another replica takes over.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.watchers.clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no panic while held")
    }
}

impl State {
    fn take_in(&mut self, revision: i64, change: &Change) {
        self.selected.apply(number(revision), &change.selectors, &change.selected);
        for user in &change.users {
            self.users.insert(holder(user), user.clone());
        }
        for key in &change.keys {
            if !self.keys.iter().any(|k| k.key_id == key.key_id) {
                self.keys.push(key.clone());
            }
        }
        self.end(&change.ended_sessions, &change.revoked_tokens);
    }

    fn end(&mut self, sessions: &[String], tokens: &[String]) {
        let now = Instant::now();
        for token in tokens {
            self.users.remove(token);
        }
        for (known, ended) in
            [(&mut self.ended_sessions, sessions), (&mut self.revoked_tokens, tokens)]
        {
            known.retain(|_, at| now.duration_since(*at) < TELL_ENDED);
            known.extend(ended.iter().map(|id| (id.clone(), now)));
        }
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot {
            keys: self.keys.clone(),
            users: self.users.values().cloned().collect(),
            ended_sessions: self.ended_sessions.keys().cloned().collect(),
            revoked_tokens: self.revoked_tokens.keys().cloned().collect(),
            selectors: self.selected.told(),
        }
    }
}

/// Whose rights these are: the user's, or a restricted token's.
fn holder(rights: &UserRights) -> String {
    let id = if rights.token_id.is_empty() { &rights.user_id } else { &rights.token_id };
    id.clone()
}

/// Revisions count up from 0.
fn number(revision: i64) -> u64 {
    u64::try_from(revision).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use gwm_authz::AuthzConfig;

    use super::*;

    fn hub() -> Hub {
        let hub = Hub::new(Authz::detached(AuthzConfig::default()));
        hub.reload(1, Snapshot::default());
        hub.attest(1, None);
        hub
    }

    #[test]
    fn a_new_watcher_gets_a_snapshot_and_then_each_change_in_order() {
        let hub = hub();
        let mut watcher = hub.watch().unwrap();
        for revision in 2..5 {
            hub.attest(revision, Some(Change::default()));
        }
        let mut seen = Vec::new();
        while let Ok(Ok(message)) = watcher.try_recv() {
            seen.push((message.revision, matches!(message.body, Some(Body::Snapshot(_)))));
        }
        assert_eq!(seen, [(1, true), (2, false), (3, false), (4, false)]);
    }

    #[test]
    fn a_watcher_that_takes_nothing_is_cut_and_holds_nobody_up() {
        let hub = hub();
        let mut slow = hub.watch().unwrap();
        for revision in 0..200 {
            hub.attest(2 + revision, Some(Change::default()));
        }
        let mut taken = 0;
        while slow.try_recv().is_ok() {
            taken += 1;
        }
        assert_eq!(taken, QUEUE);
        assert!(slow.is_closed());
        assert!(hub.watch().is_ok());
    }

    #[test]
    fn nobody_watches_before_the_database_was_seen_or_after_the_end() {
        let hub = Hub::new(Authz::detached(AuthzConfig::default()));
        assert!(hub.watch().is_err());
        hub.reload(1, Snapshot::default());
        assert!(hub.watch().is_err(), "loaded, but not attested yet");
        hub.attest(1, None);
        assert!(hub.watch().is_ok());
        hub.close();
        assert!(hub.watch().is_err());
    }

    #[test]
    fn a_reload_reaches_those_who_watch_as_a_snapshot() {
        let hub = hub();
        let mut watcher = hub.watch().unwrap();
        let user = UserRights { user_id: "u".to_owned(), ..Default::default() };
        hub.reload(9, Snapshot { users: vec![user], ..Default::default() });
        hub.attest(9, None);
        drop(watcher.try_recv());
        let message = watcher.try_recv().unwrap().unwrap();
        let Some(Body::Snapshot(snapshot)) = message.body else { panic!("{message:?}") };
        assert_eq!(snapshot.users.len(), 1);
    }
}
