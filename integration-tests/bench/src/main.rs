//! gwm against its peers, in one run on one machine: each time ours and the peer in turn, medians.
//!
//! `make bench`, or `gwm-bench access cache lists fleet takeover` for some of the rows.

#![expect(clippy::print_stdout, reason = "a program whose output is its table")]

mod access;
mod cache;
mod fleet;
mod place;
mod report;
mod takeover;

use report::Report;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    drop(rustls::crypto::ring::default_provider().install_default());
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    if let [program, nats, seed] = wanted.as_slice()
        && program == fleet::PEER
    {
        return fleet::peer(nats, seed.as_ref()).await;
    }
    let wants = |name: &str| wanted.is_empty() || wanted.iter().any(|w| w == name);
    let mut report = Report::default();
    if wants("cache") {
        Box::pin(cache::run(&mut report)).await?;
    }
    if wants("fleet") || wants("lists") {
        Box::pin(fleet::run(&mut report, wants("fleet"))).await?;
    }
    if wants("access") {
        Box::pin(access::run(&mut report)).await?;
    }
    if wants("takeover") {
        Box::pin(takeover::run(&mut report)).await?;
    }
    println!("{report}");
    Ok(())
}
