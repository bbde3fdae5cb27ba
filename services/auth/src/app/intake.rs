//! What other services tell us for the audit log, and consoles' facts: appended and published here,
//! because integrators trust one author for both.

use gwm_events::types::Object;
use gwm_events::types::audit::Record;
use gwm_events::types::console::Console;
use gwm_events::{Event, Received};

use crate::error::{Error, Result};
use crate::store::{Store, audit, commit, event};

/// As the inbox knows us.
const CONSUMER: &str = "intake";

/// Why a message was not taken.
pub(crate) enum NotTaken {
    /// It will never be right.
    Bad(String),
    /// Something was in the way.
    Now(Error),
}

impl From<Error> for NotTaken {
    fn from(error: Error) -> Self {
        Self::Now(error)
    }
}

/// Takes one message in, once however often it is delivered.
pub(crate) async fn take_in(store: &Store, message: &Received) -> Result<(), NotTaken> {
    let bad = |why: &str| NotTaken::Bad(why.to_owned());
    let Some((sender, kind)) = parts(&message.subject) else {
        return Err(bad("the subject is not gwm.intake.<service>.<kind>.<event>"));
    };
    match kind {
        Record::KIND => {
            let event: Event<Record> = decode(message)?;
            // NATS lets each service publish under its own name only: so the name is true, and
            // the record must be its own.
            if event.data.object.service != sender {
                return Err(bad("a record must be the sender's own"));
            }
            record(store, event).await?;
        }
        Console::KIND => console(store, decode(message)?).await?,
        _ => return Err(bad("only records and consoles are taken in")),
    }
    Ok(())
}

/// Sender and kind.
fn parts(subject: &str) -> Option<(&str, &str)> {
    let (sender, rest) = subject.strip_prefix("gwm.intake.")?.split_once('.')?;
    let (kind, _event) = rest.split_once('.')?;
    Some((sender, kind))
}

fn decode<T: Object>(message: &Received) -> Result<Event<T>, NotTaken> {
    let event: Event<T> = message.decode().map_err(|e| NotTaken::Bad(e.to_string()))?;
    // What could not be published later must not be taken in now.
    event.nats_subject().map_err(|e| NotTaken::Bad(e.to_string()))?;
    Ok(event)
}

async fn record(store: &Store, event: Event<Record>) -> Result<()> {
    let mut tx = store.begin().await?;
    if gwm_pg::inbox::first_time(&mut tx, CONSUMER, event.id).await? {
        audit::append_foreign(&mut tx, event).await?;
        commit(tx).await?;
    }
    Ok(())
}

async fn console(store: &Store, told: Event<Console>) -> Result<()> {
    let mut tx = store.begin().await?;
    if gwm_pg::inbox::first_time(&mut tx, CONSUMER, told.id).await? {
        event::pass_on(&mut tx, &told).await?;
        commit(tx).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_tells_who_and_what() {
        let subject = "gwm.intake.vnc-proxy.console.opened";
        assert_eq!(parts(subject), Some(("vnc-proxy", "console")));
        for bad in ["gwm.intake.x", "gwm.intake.x.record", "gwm.v1.audit._.record.1.appended"] {
            assert_eq!(parts(bad), None, "{bad}");
        }
    }
}
