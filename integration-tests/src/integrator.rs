//! An integrator: somebody with the read-only NATS user who subscribes to what happens.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use futures::StreamExt;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use crate::spawn;

/// A subscription to `gwm.v1.>`; all that came is kept.
#[derive(Debug)]
pub struct Integrator {
    seen: Arc<Mutex<Vec<(String, Value)>>>,
    task: AbortHandle,
}

impl Integrator {
    /// Subscribes; each event also goes into `tell`, if given.
    ///
    /// # Errors
    /// NATS does not let us in.
    pub async fn subscribe(
        url: &str,
        seed_file: &Path,
        tell: Option<mpsc::UnboundedSender<Value>>,
    ) -> anyhow::Result<Self> {
        let seed = std::fs::read_to_string(seed_file)
            .with_context(|| format!("reading {}", seed_file.display()))?;
        let client = async_nats::ConnectOptions::with_nkey(seed.trim().to_owned())
            .name("integrator")
            .connect(url)
            .await
            .context("connecting to NATS as the integrator")?;
        let mut messages = client.subscribe("gwm.v1.>").await.context("subscribing")?;
        client.flush().await.context("subscribing")?;
        let seen = Arc::new(Mutex::new(Vec::new()));
        let all = Arc::clone(&seen);
        let task = spawn(async move {
            // The connection lives as long as the subscription is read.
            let _client = client;
            while let Some(message) = messages.next().await {
                let event: Value = serde_json::from_slice(&message.payload).unwrap_or(Value::Null);
                if let Some(tell) = &tell {
                    drop(tell.send(event.clone()));
                }
                let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
                all.push((message.subject.to_string(), event));
            }
        });
        Ok(Self { seen, task: task.abort_handle() })
    }

    /// All so far: subject and event.
    #[must_use]
    pub fn seen(&self) -> Vec<(String, Value)> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Integrator {
    fn drop(&mut self) {
        self.task.abort();
    }
}
