//! The command line of `rapi-sim`.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use serde_json::json;

use crate::config::{CertStyle, ClusterConfig, SimConfig, User};
use crate::fleet::demo;
use crate::sim::Sim;

/// Simulated Ganeti clusters speaking the Remote API over HTTPS.
///
/// Without arguments: the demo fleet. Prints one JSON line per cluster, then one with
/// `"ready": true` and the address of the admin endpoint; runs until SIGTERM or Ctrl-C.
#[derive(Debug, Parser)]
#[command(name = "rapi-sim", version)]
struct Arguments {
    /// Name of a cluster; repeat for several. Default: the demo fleet's two.
    #[arg(long = "cluster")]
    clusters: Vec<String>,
    /// Nodes per cluster.
    #[arg(long)]
    nodes: Option<usize>,
    /// Instances per cluster.
    #[arg(long)]
    instances: Option<usize>,
    /// Seed of names, sizes and UUIDs.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1")]
    address: IpAddr,
    /// Port of the first cluster, the next ones follow; 0 takes free ones.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Port of the admin endpoint on 127.0.0.1; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    admin_port: u16,
    /// Added to every answer.
    #[arg(long, value_parser = humantime::parse_duration)]
    latency: Option<Duration>,
    /// How long an opcode runs.
    #[arg(long, value_parser = humantime::parse_duration)]
    job_time: Option<Duration>,
    /// An account as `name:password:write|read|none`; repeat for several.
    #[arg(long = "user", value_parser = parse_user)]
    users: Vec<User>,
    /// Password of the VNC servers; empty for none.
    #[arg(long)]
    vnc_password: Option<String>,
    /// Certificates signed by a CA, not self-signed version 1 ones as Ganeti's.
    #[arg(long)]
    ca: bool,
    /// Adds a crashed instance, a drained and an offline node to each cluster.
    #[arg(long)]
    trouble: bool,
}

fn parse_user(text: &str) -> Result<User, String> {
    use crate::config::Access;
    let wrong = || "expected name:password:write|read|none".to_owned();
    let (name, rest) = text.split_once(':').ok_or_else(wrong)?;
    let (password, access) = rest.rsplit_once(':').ok_or_else(wrong)?;
    let access = match access {
        "write" => Access::Write,
        "read" => Access::Read,
        "none" => Access::None,
        _ => return Err(wrong()),
    };
    Ok(User { name: name.to_owned(), password: password.to_owned(), access })
}

fn config(arguments: &Arguments) -> SimConfig {
    let mut config = if arguments.clusters.is_empty() {
        demo(arguments.seed)
    } else {
        let named = |(index, name): (usize, &String)| ClusterConfig {
            name: name.clone(),
            seed: arguments.seed.wrapping_add(index as u64),
            trouble: arguments.trouble,
            ..ClusterConfig::default()
        };
        SimConfig {
            clusters: arguments.clusters.iter().enumerate().map(named).collect(),
            admin: None,
        }
    };
    config.admin = Some(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), arguments.admin_port));
    for (index, cluster) in config.clusters.iter_mut().enumerate() {
        let offset = u16::try_from(index).unwrap_or(0);
        let port = if arguments.port == 0 { 0 } else { arguments.port.saturating_add(offset) };
        cluster.listen = SocketAddr::new(arguments.address, port);
        cluster.nodes = arguments.nodes.unwrap_or(cluster.nodes);
        cluster.instances = arguments.instances.unwrap_or(cluster.instances);
        cluster.latency = arguments.latency.unwrap_or(cluster.latency);
        cluster.job_time = arguments.job_time.unwrap_or(cluster.job_time);
        if arguments.ca {
            cluster.certificate = CertStyle::Ca;
        }
        if !arguments.users.is_empty() {
            cluster.users.clone_from(&arguments.users);
        }
        if let Some(password) = &arguments.vnc_password {
            cluster.vnc_password = Some(password.clone()).filter(|text| !text.is_empty());
        }
    }
    config
}

/// Runs `rapi-sim` until it is told to stop.
pub async fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let mut out = std::io::stdout();
    let sim = match Sim::start(config(&arguments)).await {
        Ok(sim) => sim,
        Err(error) => {
            let line = json!({"error": error.to_string()});
            drop(writeln!(out, "{line}"));
            return ExitCode::FAILURE;
        }
    };
    for cluster in sim.clusters() {
        drop(writeln!(out, "{}", cluster.describe()));
    }
    drop(writeln!(out, "{}", json!({"ready": true, "admin": sim.admin()})));
    drop(out.flush());
    let terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate());
    match terminate {
        Ok(mut terminate) => {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
        }
        Err(_) => drop(tokio::signal::ctrl_c().await),
    }
    sim.stop().await;
    ExitCode::SUCCESS
}
