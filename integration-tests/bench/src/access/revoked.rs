//! How soon a right that was taken away is gone everywhere: at cache-updater (the page of an instance), at job-runner
//! (one of its jobs), at auth itself (a console's ticket).

use std::time::{Duration, Instant};

use gwm_integration_tests::{Api, Stack};
use serde_json::json;

use super::{PASSWORD, user};
use crate::report::{Report, Times};

const TRIES: usize = 200;
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) async fn run(
    report: &mut Report,
    stack: &Stack,
    admin: &Api,
    instance: &str,
) -> anyhow::Result<()> {
    user(admin, "ann").await?;
    let ann = stack.anonymous().login("ann", PASSWORD).await?;
    let page = format!("/clusters/fra1/instances/{instance}");
    let job = admin.post(&format!("{page}/reboot"), &json!({})).await.accepted()?;
    let job = format!("/jobs/{}", job["id"].as_str().unwrap_or_default());
    let mut times = Times::default();
    for _ in 0..TRIES {
        let body =
            json!({ "username": "ann", "role": "power", "cluster": "fra1", "instance": instance });
        let grant = admin.post("/grants", &body).await.accepted()?;
        until(&ann, &page, &job, instance, true).await?;
        let id = grant["id"].as_str().unwrap_or_default();
        let _gone = admin.delete(&format!("/grants/{id}")).await.expect_status(204);
        let started = Instant::now();
        until(&ann, &page, &job, instance, false).await?;
        times.add(started.elapsed());
    }
    let (p50, p99) = (times.percentile(50), times.percentile(99));
    let what = format!("a right taken away is refused by every service, {TRIES} times");
    let text = format!("p50 {:.0} ms, p99 {:.0} ms", p50 * 1e3, p99 * 1e3);
    report.limit(&what, text, "p99 <= 2 s", p99 <= 2.0);
    Ok(())
}

/// Waits until all of them answer as they should.
async fn until(ann: &Api, page: &str, job: &str, instance: &str, may: bool) -> anyhow::Result<()> {
    let started = Instant::now();
    let console = json!({ "cluster": "fra1", "instance": instance, "kind": "vnc" });
    loop {
        let (seen, followed, opened) =
            tokio::join!(ann.get(page), ann.get(job), ann.post("/consoles", &console));
        // An instance may have no console: then it is said so, to those who may know of it.
        let answers = [seen.status, followed.status, opened.status].map(|s| s.as_u16() != 404);
        if answers.iter().all(|answer| *answer == may) {
            return Ok(());
        }
        anyhow::ensure!(started.elapsed() < PATIENCE, "{answers:?}, wanted {may}");
    }
}
