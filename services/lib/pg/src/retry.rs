//! Running a transaction again when another one was in its way.

use std::time::Duration;

use crate::{Error, Kind};

const ATTEMPTS: u32 = 5;

/// Runs `transaction` until it ends with anything but [`Kind::Retry`], five times at most, with a
/// short random pause between: two that met once would otherwise meet again.
///
/// `kind` reads the class out of the caller's own error type.
pub async fn retry<T, E, F>(
    kind: impl Fn(&E) -> Option<Kind>,
    mut transaction: impl FnMut() -> F,
) -> Result<T, E>
where
    E: From<Error>,
    F: Future<Output = Result<T, E>>,
{
    let mut attempt = 1;
    loop {
        match transaction().await {
            Err(error) if attempt < ATTEMPTS && kind(&error) == Some(Kind::Retry) => {
                let ceiling = 10 * 2u64.pow(attempt);
                let pause = rand::random_range(ceiling / 2..=ceiling);
                tokio::time::sleep(Duration::from_millis(pause)).await;
                attempt += 1;
            }
            outcome => return outcome,
        }
    }
}
