//! The cache's rows: from an answer in memory to the commit, with 10,000 instances.

mod answers;
mod predecessor;
mod unnest;

use gwm_cache_updater::bench::{Answers, Polled, first_import};
use uuid::Uuid;

use crate::place::Place;
use crate::report::{Report, Times};
use predecessor::Predecessor;
use unnest::Rows;

/// As in the published figures of the peer.
const INSTANCES: usize = 10_000;
const NODES: usize = 391;
const ROUNDS: usize = 15;
const IMPORTS: usize = 7;

/// All rows of the cache.
pub(crate) async fn run(report: &mut Report) -> anyhow::Result<()> {
    let place = Place::new().await?;
    let (base, moved) = answers::pair(NODES, INSTANCES, INSTANCES / 100).await?;
    let each = base.instances.body().len() / INSTANCES;
    report.note(format!("{INSTANCES} instances of {each} bytes each, {NODES} nodes"));
    imports(report, &place, &base).await?;
    Box::pin(polls(report, &place, &base, &moved)).await
}

async fn imports(report: &mut Report, place: &Place, base: &Answers) -> anyhow::Result<()> {
    let (mut ours, mut peer) = (Times::default(), Times::default());
    let pool = &place.pool;
    let mut rows = None;
    for _ in 0..=IMPORTS {
        let mut answers = base.clone();
        answers.info.uuid = Uuid::now_v7();
        let cluster = Uuid::now_v7();
        let rows = match &rows {
            None => {
                // Not counted: it is where the peer's rows come from, and warms both.
                first_import(pool, cluster, &answers).await?;
                rows.insert(Rows::read(pool).await?)
            }
            Some(rows) => {
                ours.round(first_import(pool, cluster, &answers)).await?;
                rows
            }
        };
        unnest::empty(pool).await?;
        unnest::cluster(pool, cluster).await?;
        peer.round(rows.insert(pool, cluster)).await?;
        unnest::empty(pool).await?;
    }
    report.faster("first import of 10,000 instances", &ours, &peer, 0.8);
    Ok(())
}

async fn polls(
    report: &mut Report,
    place: &Place,
    base: &Answers,
    moved: &Answers,
) -> anyhow::Result<()> {
    let pool = &place.pool;
    let cluster = Uuid::now_v7();
    first_import(pool, cluster, base).await?;
    let polled = Polled::open(pool, cluster).await?;
    let predecessor = Predecessor::new(pool, base).await?;
    // The first poll after a start reads everything once; the second finds nothing to do.
    polled.poll(base).await?;
    polled.poll(base).await?;
    for (what, answers, bar) in [
        ("poll of 10,000 instances, nothing changed", [base, base], 15.0),
        ("poll of 10,000 instances, 1 % changed", [moved, base], 8.0),
    ] {
        let (mut ours, mut peer) = (Times::default(), Times::default());
        for round in 0..ROUNDS * 2 {
            let answers = answers[round % 2];
            Box::pin(ours.round(polled.poll(answers))).await?;
            peer.round(predecessor.poll(answers)).await?;
            // Neither is to pay for the rows that the other one, or the rounds before, left behind.
            for tidy in ["vacuum instance, node, cluster, old_vm", "truncate outbox"] {
                sqlx::raw_sql(tidy).execute(pool).await?;
            }
        }
        report.faster(what, &ours, &peer, bar);
    }
    let mut nodes = Times::default();
    for _ in 0..3 {
        nodes.round(predecessor.nodes(base)).await?;
    }
    report.note(format!(
        "the predecessor's step for nodes, which the peer's polls leave out, takes {nodes} more at each poll; ours holds its nodes"
    ));
    Ok(())
}
