//! How long from the commit of an event to who subscribes to it.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use gwm_integration_tests::{Integrator, Part, Stack};
use sqlx::Connection as _;
use sqlx::postgres::PgConnection;
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::report::{Report, Times};

const EVENTS: usize = 400;
const LOST: Duration = Duration::from_secs(10);

pub(crate) async fn run(report: &mut Report, stack: &Stack) -> anyhow::Result<()> {
    let (tell, mut told) = mpsc::unbounded_channel();
    let seed = stack.integrator_seed();
    let _subscriber = Integrator::subscribe(&stack.nats_url(), &seed, Some(tell)).await?;
    let mut database = PgConnection::connect(&stack.database_url(Part::CacheUpdater)?).await?;
    let mut times = Times::default();
    for _ in 0..EVENTS {
        let id = Uuid::now_v7();
        let committed = publish(&mut database, id).await?;
        let id = id.to_string();
        loop {
            let event = tokio::time::timeout(LOST, told.recv()).await?.context("NATS is there")?;
            if event["id"] == id.as_str() {
                break;
            }
        }
        times.add(committed.elapsed());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let (p50, p99) = (times.percentile(50), times.percentile(99));
    let ours = format!("p50 {:.1} ms, p99 {:.1} ms", p50 * 1e3, p99 * 1e3);
    let bar = "p50 <= 5 ms, p99 <= 10 ms + JetStream's own";
    report.limit("commit -> subscriber", ours, bar, p50 <= 0.005 && p99 <= 0.011);
    Ok(())
}

/// Commits an event that was published already as a new one; yields when.
pub(super) async fn publish(database: &mut PgConnection, id: Uuid) -> anyhow::Result<Instant> {
    sqlx::query(
        "insert into outbox (event_id, object_key, class, subject, payload)
         select $1, object_key, class, subject, replace(payload, event_id::text, $1::text)
         from outbox where class = 'inventory' order by position limit 1",
    )
    .bind(id)
    .execute(database)
    .await?;
    Ok(Instant::now())
}
