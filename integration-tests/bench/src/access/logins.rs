//! What others wait for while 50 people sign in: each login is 64 MiB of Argon2id.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use gwm_integration_tests::{Api, Stack};
use serde_json::json;
use tokio::task::JoinSet;

use super::{PASSWORD, user};
use crate::report::{Report, Times};

const LOGINS: usize = 50;
const REQUESTS: usize = 300;
const PAUSE: Duration = Duration::from_millis(20);

pub(crate) async fn run(
    report: &mut Report,
    stack: &Stack,
    admin: &Api,
    instance: &str,
) -> anyhow::Result<()> {
    let page = format!("/clusters/fra1/instances/{instance}");
    for n in 0..LOGINS {
        user(admin, &format!("waiting{n}")).await?;
    }
    let idle = ask(admin, &page).await;
    let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut waiting = JoinSet::new();
    for n in 0..LOGINS {
        let (stop, done, api) = (stop.clone(), done.clone(), stack.anonymous());
        waiting.spawn(async move {
            let body = json!({ "username": format!("waiting{n}"), "password": PASSWORD });
            while !stop.load(Ordering::Relaxed) {
                api.post("/session", &body).await;
                done.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (before, started) = (done.load(Ordering::Relaxed), Instant::now());
    let busy = ask(admin, &page).await;
    let logins = done.load(Ordering::Relaxed) - before;
    let seconds = started.elapsed().as_secs_f64();
    stop.store(true, Ordering::Relaxed);
    waiting.join_all().await;
    let ratio = busy.median().as_secs_f64() / idle.median().as_secs_f64();
    let what = "a page while 50 logins wait, against idle, p50";
    report.ratio(what, busy.to_string(), idle.to_string(), ratio, "<= 1.5x", ratio <= 1.5);
    report.note(format!(
        "{:.1} logins a second were answered meanwhile; a page took p99 {:.0} ms, idle {:.0} ms",
        logins as f64 / seconds,
        busy.percentile(99) * 1e3,
        idle.percentile(99) * 1e3
    ));
    Ok(())
}

/// As somebody who clicks: one request, a pause, the next.
async fn ask(admin: &Api, page: &str) -> Times {
    let mut times = Times::default();
    for _ in 0..REQUESTS {
        let _page = times.round(admin.get(page)).await.ok();
        tokio::time::sleep(PAUSE).await;
    }
    times
}
