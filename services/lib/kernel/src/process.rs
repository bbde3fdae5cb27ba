//! The life of a process: arguments, configuration, build, serve, drain, exit code.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use crate::telemetry::Telemetry;
use crate::{Boot, Service, Shutdown, load};

const EXIT_USAGE: u8 = 64;
const EXIT_START: u8 = 1;
const EXIT_FAULT: u8 = 70;
/// Kubernetes kills after 30 s; the rest is for flushing.
const DRAIN: Duration = Duration::from_secs(25);

#[derive(Debug, Parser)]
struct Arguments {
    /// Configuration file (TOML); environment variables override it.
    #[arg(long, global = true)]
    config: Option<PathBuf>,
    /// `serve` (default), migrate, check-config, version, or a verb of the service's own.
    #[arg(trailing_var_arg = true)]
    words: Vec<String>,
}

/// Runs service `S`. Exit codes: 0 clean, 64 bad arguments or configuration, 1 failed start, 70 a
/// task died.
#[must_use]
pub fn main<S: Service>() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let code = if error.use_stderr() { EXIT_USAGE } else { 0 };
            // Nothing is left to do when even that can't be printed.
            drop(error.print());
            return code.into();
        }
    };
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        return EXIT_START.into();
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(EXIT_START, &error.into()),
    };
    runtime.block_on(Box::pin(run::<S>(arguments)))
}

async fn run<S: Service>(arguments: Arguments) -> ExitCode {
    let verb = arguments.words.first().map_or("serve", String::as_str).to_owned();
    if verb == "version" {
        say(&format!("gwm-{} {}", S::NAME, env!("CARGO_PKG_VERSION")));
        return ExitCode::SUCCESS;
    }
    let (kernel, config) = match load::<S::Config>(S::NAME, arguments.config.as_deref()) {
        Ok(loaded) => loaded,
        Err(error) => return fail(EXIT_USAGE, &error),
    };
    match verb.as_str() {
        "check-config" => {
            say("the configuration is well formed");
            ExitCode::SUCCESS
        }
        "migrate" => match S::migrate(config).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(EXIT_START, &error),
        },
        "serve" => {
            let telemetry = match Telemetry::start(S::NAME, &kernel) {
                Ok(telemetry) => telemetry,
                Err(error) => return fail(EXIT_USAGE, &error),
            };
            let code = serve::<S>(kernel, config, &telemetry).await;
            telemetry.flush();
            code
        }
        _ => match S::command(config, arguments.words).await {
            Some(Ok(())) => ExitCode::SUCCESS,
            Some(Err(error)) => fail(EXIT_START, &error),
            None => fail(EXIT_USAGE, &anyhow::anyhow!("{verb}: no such verb")),
        },
    }
}

async fn serve<S: Service>(
    kernel: crate::KernelConfig,
    config: S::Config,
    telemetry: &Telemetry,
) -> ExitCode {
    let shutdown = Shutdown::default();
    let boot = match start::<S>(kernel, config, shutdown.clone(), telemetry).await {
        Ok(boot) => boot,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "start failed");
            return fail(EXIT_START, &error);
        }
    };
    tracing::info!(service = S::NAME, replica = boot.replica(), "started");
    if let Err(error) = wait_for_end(&shutdown).await {
        tracing::error!(%error, "signals can't be watched");
    }
    tracing::info!("draining");
    boot.tasks().drain(DRAIN).await;
    if shutdown.failed() { EXIT_FAULT.into() } else { ExitCode::SUCCESS }
}

async fn start<S: Service>(
    kernel: crate::KernelConfig,
    config: S::Config,
    shutdown: Shutdown,
    telemetry: &Telemetry,
) -> anyhow::Result<Boot> {
    let mut boot = Boot::new(S::NAME, kernel, shutdown)?;
    // Before the admin port answers: without it a service is ready until it has said what it needs.
    let built = boot.health().condition("start");
    if let Some(address) = boot.config().admin {
        let router = crate::admin::router(boot.health().clone(), telemetry.metrics.clone());
        boot.serve_http("admin", address, None, router, Duration::from_secs(1)).await?;
    }
    S::build(config, &mut boot).await.context("build")?;
    if let Some(address) = boot.config().grpc {
        let server = std::mem::take(&mut boot.grpc);
        server.serve(address, &boot)?;
    }
    built.up();
    Ok(boot)
}

/// Returns at the first SIGTERM or SIGINT, or when a task died. A second signal stops at once.
async fn wait_for_end(shutdown: &Shutdown) -> anyhow::Result<()> {
    let mut term = signal(SignalKind::terminate())?;
    let mut int = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
        () = shutdown.soft.cancelled() => {}
    }
    shutdown.soft.cancel();
    let hard = shutdown.hard.clone();
    let again = async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        hard.cancel();
    };
    #[expect(clippy::disallowed_methods, reason = "outlives the tasks that it stops")]
    drop(tokio::spawn(again));
    Ok(())
}

#[expect(clippy::print_stderr, reason = "before and after logging, the terminal is all there is")]
fn fail(code: u8, error: &anyhow::Error) -> ExitCode {
    eprintln!("error: {error:#}");
    code.into()
}

#[expect(clippy::print_stdout, reason = "the answer to a verb")]
fn say(text: &str) {
    println!("{text}");
}
