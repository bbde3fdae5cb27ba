//! The consoles that this process carries now.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use chrono::{DateTime, Utc};
use gwm_types::ConsoleId;

/// One of them.
#[derive(Debug, Clone)]
pub(crate) struct OpenConsole {
    pub(crate) username: String,
    pub(crate) cluster: String,
    pub(crate) instance: String,
    pub(crate) opened_at: DateTime<Utc>,
}

/// All of them. Cloning is cheap.
#[derive(Debug, Clone)]
pub(crate) struct Consoles {
    open: Arc<Mutex<HashMap<ConsoleId, OpenConsole>>>,
    places: Arc<tokio::sync::Semaphore>,
}

/// Keeps a console in the list; dropping it takes it out.
#[derive(Debug)]
pub(crate) struct Listed {
    id: ConsoleId,
    consoles: Consoles,
}

impl Consoles {
    pub(crate) fn new(most: usize) -> Self {
        Self { open: Arc::default(), places: Arc::new(tokio::sync::Semaphore::new(most)) }
    }

    /// A place for one more; `None` when all are taken.
    pub(crate) fn place(&self) -> Option<tokio::sync::OwnedSemaphorePermit> {
        self.places.clone().try_acquire_owned().ok()
    }

    pub(crate) fn enter(&self, id: ConsoleId, console: OpenConsole) -> Listed {
        let mut open = self.open.lock().expect("no panic while held");
        open.insert(id, console);
        gauge(open.len());
        Listed { id, consoles: self.clone() }
    }

    pub(crate) fn list(&self) -> Vec<(ConsoleId, OpenConsole)> {
        let open = self.open.lock().expect("no panic while held");
        open.iter().map(|(id, console)| (*id, console.clone())).collect()
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        let mut open = self.consoles.open.lock().expect("no panic while held");
        open.remove(&self.id);
        gauge(open.len());
    }
}

#[expect(clippy::cast_precision_loss, reason = "a few thousand at most")]
fn gauge(open: usize) {
    metrics::gauge!("gwm_console_sessions").set(open as f64);
}
