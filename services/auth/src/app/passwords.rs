//! Hashing passwords, few at a time: each takes 64 MiB and a core.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, oneshot};
use zeroize::Zeroizing;

use crate::domain::{ImportedWork, PasswordHasher, Verdict, check_strength};
use crate::error::{Error, Result};

/// How long a login waits for its turn before it is told to come again.
const LONGEST_WAIT: Duration = Duration::from_secs(6);

/// How far hashing stands back behind everything else that wants a core (a tenth of its share).
const NICENESS: i32 = 10;

/// See the module. Cloning is cheap, and clones wait in one room.
#[derive(Clone)]
pub(crate) struct Passwords {
    hasher: Arc<PasswordHasher>,
    turns: Arc<Semaphore>,
    room: Arc<Semaphore>,
}

impl Passwords {
    /// Takes a tenth of a second: it hashes once. More at once than there are cores would only slow
    /// down everything else.
    pub(crate) fn new(concurrent: usize, waiting: usize) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            hasher: Arc::new(PasswordHasher::new()),
            turns: Arc::new(Semaphore::new(concurrent.min(cores))),
            room: Arc::new(Semaphore::new(waiting)),
        }
    }

    /// For a verb of the command line, which nobody else waits for.
    pub(crate) fn alone() -> Self {
        Self::new(1, 1)
    }

    /// A new hash of a password that is good enough; what is wrong with it is `field`'s fault.
    pub(crate) async fn hash_new(
        &self,
        field: &'static str,
        password: Zeroizing<String>,
        username: &str,
    ) -> Result<String> {
        let (given, username) = (password.clone(), username.to_owned());
        // Some milliseconds: too long for a runtime thread.
        let checked = tokio::task::spawn_blocking(move || check_strength(&given, &username));
        let checked =
            checked.await.map_err(|_| Error::Internal("a password check panicked".to_owned()))?;
        checked.map_err(|why| Error::invalid(field, why))?;
        self.turn(move |hasher| hasher.hash(&password)).await
    }

    /// Whether the password is the one that was hashed; without a hash, not so after the same work.
    pub(crate) async fn verify(
        &self,
        password: Zeroizing<String>,
        stored: Option<String>,
        imported: ImportedWork,
    ) -> Result<Verdict> {
        self.turn(move |hasher| hasher.verify(&password, stored.as_deref(), imported)).await
    }

    async fn turn<T: Send + 'static>(
        &self,
        work: impl FnOnce(&PasswordHasher) -> T + Send + 'static,
    ) -> Result<T> {
        let turn = match Arc::clone(&self.turns).try_acquire_owned() {
            Ok(turn) => turn,
            Err(_) => {
                // Who finds no place goes at once: waiting for a place would be waiting, too.
                let _place = self.room.try_acquire().map_err(|_| Error::LoginBusy)?;
                tokio::time::timeout(LONGEST_WAIT, Arc::clone(&self.turns).acquire_owned())
                    .await
                    .map_err(|_| Error::LoginBusy)?
                    .map_err(|_| Error::LoginBusy)?
            }
        };
        let hasher = Arc::clone(&self.hasher);
        // The turn goes with the work: a caller who leaves must not let another one in beside it.
        let (sender, done) = oneshot::channel();
        let work = move || {
            let _turn = turn;
            // Of this thread alone: with all cores hashing, whoever is signed in does not wait for those who sign
            // in. Where it is not allowed it is only slower.
            let _niceness = rustix::process::nice(NICENESS);
            // A caller who has left wants nothing.
            drop(sender.send(work(&hasher)));
        };
        // A thread of its own, for what is changed about it is changed for good.
        std::thread::Builder::new()
            .name("password".to_owned())
            .spawn(work)
            .map_err(|error| Error::Internal(format!("no thread to hash a password: {error}")))?;
        done.await.map_err(|_| Error::Internal("password hashing panicked".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given() -> Zeroizing<String> {
        Zeroizing::new("walnut tree by the well".to_owned())
    }

    #[tokio::test]
    async fn who_finds_the_waiting_room_full_is_told_at_once_and_who_waits_gets_a_turn() {
        let passwords = Passwords::new(1, 2);
        let turn = Arc::clone(&passwords.turns).acquire_owned().await.unwrap();
        let mut waiting = tokio::task::JoinSet::new();
        for _ in 0..2 {
            let passwords = passwords.clone();
            waiting.spawn(
                async move { passwords.verify(given(), None, ImportedWork::default()).await },
            );
        }
        while passwords.room.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let refused = passwords.verify(given(), None, ImportedWork::default()).await;
        assert!(matches!(refused, Err(Error::LoginBusy)), "{refused:?}");
        drop(turn);
        for waited in waiting.join_all().await {
            assert_eq!(waited.unwrap(), Verdict::Wrong);
        }
        assert_eq!(passwords.room.available_permits(), 2, "places are given back");
    }
}
