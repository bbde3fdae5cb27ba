//! `make run` and `make lab`: the whole suite on this machine, until Ctrl-C.

mod clusters;
mod lines;
mod set_up;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use gwm_integration_tests::{Integrator, Stack};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use crate::set_up::{Mode, SetUp};

#[tokio::main]
async fn main() -> ExitCode {
    let mode = match std::env::args().nth(1).as_deref() {
        Some("run") => Mode::Run,
        Some("lab") => Mode::Lab,
        Some(_) | None => {
            say("usage: dev-stack run|lab   (`make run`, `make lab`)");
            return ExitCode::from(64);
        }
    };
    match run(mode).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("\n{error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(mode: Mode) -> anyhow::Result<()> {
    let mut end = End::new()?;
    let set_up = SetUp::read(mode)?;
    let started = tokio::select! {
        started = start(&set_up) => started?,
        () = end.asked() => return Ok(()),
    };
    let Started { stack, demo, integrator, mut events } = started;
    say(&set_up.banner(&stack));
    let before = std::iter::from_fn(|| events.try_recv().ok()).count();
    say(&format!("Events from here on ({before} so far):\n"));
    let mut stack = stack;
    let mut look = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            Some(event) = events.recv() => say(&lines::line(&event)),
            _ = look.tick() => again(&mut stack),
            () = end.asked() => break,
        }
    }
    say("\nStopping ...");
    drop(integrator);
    drop(stack);
    if let Some(demo) = demo {
        demo.stop().await;
    }
    Ok(())
}

struct Started {
    stack: Stack,
    demo: Option<gwm_rapi_sim::Sim>,
    integrator: Integrator,
    events: mpsc::UnboundedReceiver<serde_json::Value>,
}

async fn start(set_up: &SetUp) -> anyhow::Result<Started> {
    let demo = set_up.simulator().await?;
    let stack = Stack::start(set_up.options()).await?;
    let (tell, events) = mpsc::unbounded_channel();
    let integrator =
        Integrator::subscribe(&stack.nats_url(), &stack.integrator_seed(), Some(tell)).await?;
    match stack.admin().await {
        Ok(admin) => clusters::add(set_up, &admin, demo.as_ref()).await?,
        // Its password was changed meanwhile: the clusters are there from the first start.
        Err(error) => say(&format!("The clusters stay as they are: {error:#}")),
    }
    Ok(Started { stack, demo, integrator, events })
}

/// A service that ended is started again, as systemd or Kubernetes would.
fn again(stack: &mut Stack) {
    for name in stack.start_fallen() {
        say(&format!(
            "** {name} ended and was started again; its log is in {}",
            stack.logs().display()
        ));
    }
}

/// Ctrl-C, or `kill`.
struct End {
    interrupt: Signal,
    terminate: Signal,
}

impl End {
    fn new() -> anyhow::Result<Self> {
        let watch = |kind| signal(kind).context("watching signals");
        Ok(Self {
            interrupt: watch(SignalKind::interrupt())?,
            terminate: watch(SignalKind::terminate())?,
        })
    }

    async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[expect(clippy::print_stdout, reason = "a program for the terminal")]
pub(crate) fn say(text: &str) {
    println!("{text}");
}
