//! One process of a service.

use std::time::Duration;

use anyhow::Context;
use gwm_testkit::{Plan, Supervised, try_wait_for};

use crate::layout::Ports;

const READY: Duration = Duration::from_secs(60);

/// One process of a service, running or not.
#[derive(Debug)]
pub(crate) struct Replica {
    pub(crate) ports: Ports,
    plan: Plan,
    process: Option<Supervised>,
    // For the text of a failure when it is not running.
    name: String,
}

impl Replica {
    pub(crate) fn new(name: &str, ports: Ports, plan: Plan) -> Self {
        Self { ports, plan, process: None, name: name.to_owned() }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn start(&mut self) -> anyhow::Result<()> {
        self.process = None;
        self.process = Some(self.plan.clone().start()?);
        Ok(())
    }

    /// Waits until it says that it is ready.
    pub(crate) async fn ready(&mut self, http: &reqwest::Client) -> anyhow::Result<()> {
        let url = format!("http://127.0.0.1:{}/readyz", self.ports.admin);
        let what = format!("{} to be ready", self.name);
        let process = self.process.as_mut().with_context(|| format!("{what}: not started"))?;
        let waited = try_wait_for(&what, READY, async || {
            if let Err(dead) = process.check_alive() {
                return Ok(Err(dead));
            }
            let answer = http.get(&url).send().await.map_err(|error| format!("{error:?}"))?;
            if answer.status().is_success() {
                return Ok(Ok(()));
            }
            Err(answer.text().await.unwrap_or_default())
        })
        .await;
        match waited {
            Ok(ready) => Ok(ready?),
            Err(late) => Err(anyhow::anyhow!("{late}\n{}", self.log_tail(20))),
        }
    }

    pub(crate) fn process(&mut self) -> anyhow::Result<&mut Supervised> {
        let name = &self.name;
        self.process.as_mut().with_context(|| format!("{name} is not running"))
    }

    /// Ends it without a chance to clean up.
    pub(crate) async fn kill(&mut self) -> anyhow::Result<()> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        process.signal("KILL")?;
        process.wait(READY).await?;
        Ok(())
    }

    /// Begins to stop it in order.
    pub(crate) fn begin_stop(&mut self) {
        if let Some(process) = &mut self.process {
            // One that is gone already needs no signal.
            drop(process.signal("CONT"));
            drop(process.signal("TERM"));
        }
    }

    /// Waits for the end of a stop; the supervisor cuts it off after its grace.
    pub(crate) fn end_stop(&mut self) {
        self.process = None;
    }

    pub(crate) fn log_tail(&self, lines: usize) -> String {
        self.process.as_ref().map_or_else(String::new, |process| process.log_tail(lines))
    }
}
