//! How long until what changed in Ganeti is told: by reading alone, when a hook knocks, and of our own jobs.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use gwm_integration_tests::{Api, Integrator, Stack};
use gwm_rapi_sim::{Outside, Sim, SimCluster};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::INTERVAL;
use crate::report::{Report, Times};

/// One change in each of so many clusters.
const CHANGES: usize = 12;
const LOST: Duration = Duration::from_secs(90);

pub(crate) async fn run(
    report: &mut Report,
    stack: &Stack,
    admin: &Api,
    sim: &Sim,
) -> anyhow::Result<()> {
    let (tell, mut told) = mpsc::unbounded_channel();
    let seed = stack.integrator_seed();
    let _subscriber = Integrator::subscribe(&stack.nats_url(), &seed, Some(tell)).await?;
    let slugs = (0..).map(|n| format!("c{n:03}"));
    let mut clusters = slugs.zip(sim.clusters());

    let (mut read, mut knocked, mut own) = (Times::default(), Times::default(), Times::default());
    for (slug, cluster) in clusters.by_ref().take(CHANGES) {
        // Spread over the interval, as people are.
        tokio::time::sleep(INTERVAL / 7).await;
        let name = stop(cluster).await?;
        until(&mut told, &slug, &name, &mut read).await?;
    }
    for (slug, cluster) in clusters.by_ref().take(CHANGES) {
        let made =
            admin.post(&format!("/clusters/{slug}/hook-token"), &json!({})).await.accepted()?;
        let token = made["token"].as_str().context("a token")?;
        let name = stop(cluster).await?;
        let knock = json!({
            "op_code": "OP_INSTANCE_SHUTDOWN", "object_type": "INSTANCE", "object_name": name,
        });
        let hook = stack.anonymous().with_token(token);
        let path = format!("/hooks/{slug}");
        let heard = hook.post(&path, &knock);
        let (heard, shown) = tokio::join!(heard, until(&mut told, &slug, &name, &mut knocked));
        anyhow::ensure!(heard.status.is_success(), "{}", heard.text);
        shown?;
    }
    for (slug, cluster) in clusters.take(CHANGES) {
        let name = running(cluster)?;
        let path = format!("/clusters/{slug}/instances/{name}/shutdown");
        let job = admin.post(&path, &json!({})).await.accepted()?;
        let id = job["id"].as_str().context("an id")?;
        let ended = loop {
            if cluster.jobs_by_reason(id).iter().any(|job| job.status == "success") {
                break Instant::now();
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        };
        until_from(ended, &mut told, &slug, &name, &mut own).await?;
    }
    let bar = INTERVAL.as_secs_f64() + 2.0;
    let text = |times: &Times| {
        format!("p50 {:.2} s, slowest {:.2} s", times.percentile(50), times.percentile(100))
    };
    let slowest = read.percentile(100);
    let what = "foreign change -> event, by reading every 30 s";
    report.limit(what, text(&read), "<= 32 s", slowest <= bar);
    let slowest = knocked.percentile(100);
    report.limit("foreign change -> event, hook", text(&knocked), "<= 1 s", slowest <= 1.0);
    let slowest = own.percentile(100);
    report.limit("end of our own job -> event", text(&own), "<= 1 s", slowest <= 1.0);
    Ok(())
}

fn running(cluster: &SimCluster) -> anyhow::Result<String> {
    cluster
        .look(|c| c.instances.values().find(|i| c.status(i) == "running").map(|i| i.name.clone()))
        .context("an instance runs")
}

/// Stops an instance behind gwm's back.
async fn stop(cluster: &SimCluster) -> anyhow::Result<String> {
    let name = running(cluster)?;
    cluster.outside(Outside::Stop { instance: name.clone() }).await?;
    Ok(name)
}

async fn until(
    told: &mut mpsc::UnboundedReceiver<Value>,
    cluster: &str,
    name: &str,
    times: &mut Times,
) -> anyhow::Result<()> {
    until_from(Instant::now(), told, cluster, name, times).await
}

/// Waits for the event that says that the instance is down.
async fn until_from(
    since: Instant,
    told: &mut mpsc::UnboundedReceiver<Value>,
    cluster: &str,
    name: &str,
    times: &mut Times,
) -> anyhow::Result<()> {
    loop {
        let event = tokio::time::timeout(LOST, told.recv()).await?.context("NATS is there")?;
        let object = &event["data"]["object"];
        if object["name"] == name
            && object["cluster"] == cluster
            && object["status"] == "ADMIN_down"
        {
            times.add(since.elapsed());
            return Ok(());
        }
    }
}
