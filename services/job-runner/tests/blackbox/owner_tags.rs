//! Owners as tags in Ganeti: one job at a time, again after whatever goes wrong, and never somebody else's tags.

use std::collections::BTreeMap;

use gwm_proto::cache::OwnerTagChange;
use gwm_rapi_sim::{Fault, FaultRule};
use gwm_testkit::wait_for;
use serde_json::json;
use tonic::Code;

use crate::fakes::PREFIX;
use crate::stage::{Runner, SOON, Stage, ask};

const FOREIGN: [&str; 3] = ["gwm:other:owner:user/x", "site:fra", "gwm:lab:note"];

async fn stage() -> Stage {
    let mut stage = Stage::new().await;
    for (key, value) in [
        ("OWNER_TAGS__PACE", "200ms"),
        ("OWNER_TAGS__LOOK", "200ms"),
        ("OWNER_TAGS__FIRST_PAUSE", "500ms"),
        ("OWNER_TAGS__LONGEST_PAUSE", "4s"),
    ] {
        stage.set(key, value);
    }
    stage
}

fn names(stage: &Stage) -> Vec<String> {
    stage.sim.look(|c| c.instances.keys().cloned().collect())
}

fn tag(stage: &Stage, name: &str, tags: &[&str]) {
    stage.sim.edit(|c| {
        let there = &mut c.instances.get_mut(name).unwrap().tags;
        there.extend(tags.iter().map(|&tag| tag.to_owned()));
    });
}

/// Which of the tags begin as ours do.
fn ours(stage: &Stage, name: &str) -> Vec<String> {
    let tags = stage.sim.instance(name).unwrap().tags;
    tags.into_iter().filter(|tag| tag.starts_with(PREFIX)).collect()
}

/// Everybody's is said to be carla's.
fn own_all(stage: &Stage) {
    let owners = names(stage).into_iter().map(|name| (name, "user/carla".to_owned()));
    stage.fakes.knobs(|k| k.owners = Some(owners.collect()));
}

async fn until_right(stage: &Stage, runner: &Runner) {
    wait_for("all tags to be right", SOON, async || {
        let owners = stage.fakes.knobs(|k| k.owners.clone()).unwrap();
        for name in names(stage) {
            let wanted: Vec<String> =
                owners.get(&name).map(|owner| format!("{PREFIX}{owner}")).into_iter().collect();
            let there = ours(stage, &name);
            if there != wanted {
                let log = runner.process.log_tail(8);
                return Err(format!("{name} has {there:?}, not {wanted:?}\n{log}"));
            }
        }
        Ok(())
    })
    .await;
    // The last job is at its end too.
    wait_for("the end of the jobs", SOON, async || match jobs(stage, "ended_at is null").await {
        0 => Ok(()),
        open => Err(open.to_string()),
    })
    .await;
}

/// The job runner has looked some more times, and found nothing.
async fn looked_again(stage: &Stage) {
    let before = stage.fakes.knobs(|k| k.tags_asked);
    wait_for("some more looks", SOON, async || {
        let now = stage.fakes.knobs(|k| k.tags_asked);
        if now > before + 3 { Ok(()) } else { Err(now.to_string()) }
    })
    .await;
}

/// How many jobs about tags there are of which this holds.
async fn jobs(stage: &Stage, what: &str) -> i64 {
    let sql = format!("select count(*) from job where kind = 'owner_tag' and {what}");
    let pool = stage.database.pool().await;
    sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&pool).await.unwrap()
}

/// Ganeti's own jobs that change tags, by opcode.
fn at_ganeti(stage: &Stage) -> BTreeMap<&'static str, usize> {
    let mut count = BTreeMap::new();
    for job in stage.sim.jobs() {
        let text = format!("{:?}", stage.sim.job(job.id));
        for op in ["OP_TAGS_SET", "OP_TAGS_DEL"] {
            if text.contains(op) {
                *count.entry(op).or_default() += 1;
            }
        }
    }
    count
}

/// No job began before the pause after the one before it was over.
async fn assert_paced(stage: &Stage, milliseconds: i32) {
    let pool = stage.database.pool().await;
    let burst: i64 = sqlx::query_scalar(
        "select count(*) from (select created_at - lag(ended_at) over (order by number) as gap
             from job where kind = 'owner_tag') as gaps
         where gap < make_interval(secs => $1::float8 / 1000)",
    )
    .bind(milliseconds)
    .fetch_one(&pool)
    .await
    .unwrap();
    assert_eq!(burst, 0, "jobs that came too soon after another");
}

#[tokio::test]
async fn tags_are_put_right_one_after_another_and_others_stay() {
    let stage = stage().await;
    let all = names(&stage);
    own_all(&stage);
    tag(&stage, &all[0], &FOREIGN);
    tag(&stage, &all[1], &[&format!("{PREFIX}user/mallory"), &format!("{PREFIX}user/carla")]);
    tag(&stage, &all[2], &[&format!("{PREFIX}user/carla")]);
    let runner = stage.runner().await;
    until_right(&stage, &runner).await;
    looked_again(&stage).await;
    let expected = BTreeMap::from([("OP_TAGS_SET", all.len() - 2), ("OP_TAGS_DEL", 1)]);
    assert_eq!(at_ganeti(&stage), expected, "nothing is done twice, or without need");
    assert_eq!(jobs(&stage, "phase <> 'succeeded'").await, 0);
    assert_paced(&stage, 200).await;

    // Another owner, and nobody: what was there goes first.
    stage.fakes.knobs(|k| {
        let owners = k.owners.as_mut().unwrap();
        owners.insert(all[0].clone(), "user/dora".to_owned());
        owners.remove(&all[1]);
    });
    until_right(&stage, &runner).await;
    assert_eq!(at_ganeti(&stage)["OP_TAGS_DEL"], 3);
    let kept = stage.sim.instance(&all[0]).unwrap().tags;
    assert!(FOREIGN.iter().all(|&tag| kept.contains(tag)), "{kept:?}");

    // Nobody asked for them, and everybody who sees the instance sees them.
    let one: gwm_types::JobId = {
        let pool = stage.database.pool().await;
        let sql = "select job_id from job where kind = 'owner_tag' order by number limit 1";
        gwm_types::JobId(sqlx::query_scalar(sql).fetch_one(&pool).await.unwrap())
    };
    let job = stage.get(&runner, &one.to_string()).await.unwrap();
    assert_eq!((job.kind.as_str(), job.requested_by.as_str()), ("owner_tag", "gwm itself"));
    assert_eq!((job.requested_by_id.as_str(), job.origin.as_str()), ("", "gwm"));
}

#[tokio::test]
async fn what_a_kill_interrupts_is_done_once() {
    let mut stage = stage().await;
    stage.set("LEASE__DURATION", "900ms");
    stage.set("GANETI__SEND_DEADLINE", "500ms");
    stage.set("GANETI__RAPI_UNKNOWN_WAIT", "600ms");
    own_all(&stage);
    let all = names(&stage);
    let path = |name: &str| format!("/2/instances/{name}/tags");
    for name in &all[..3] {
        stage.sim.fault(FaultRule::once(Fault::HangAfter).method("PUT").path(&path(name)));
    }
    let mut runner = stage.runner().await;
    for round in 1..=3 {
        wait_for("the call to be at Ganeti", SOON, async || match stage.sim.faults_struck() {
            struck if struck >= round => Ok(()),
            struck => Err(format!("{struck}\n{}", runner.process.log_tail(8))),
        })
        .await;
        runner = stage.kill_and_restart(runner).await;
    }
    until_right(&stage, &runner).await;
    looked_again(&stage).await;
    assert_eq!(at_ganeti(&stage), BTreeMap::from([("OP_TAGS_SET", all.len())]));
    assert_eq!(jobs(&stage, "phase <> 'succeeded'").await, 0);
}

#[tokio::test]
async fn two_replicas_make_one_job_at_a_time() {
    let stage = stage().await;
    own_all(&stage);
    let [first, _second] = [stage.runner().await, stage.runner().await];
    until_right(&stage, &first).await;
    assert_eq!(at_ganeti(&stage), BTreeMap::from([("OP_TAGS_SET", names(&stage).len())]));
    assert_paced(&stage, 200).await;
}

#[tokio::test]
async fn one_that_ganeti_refuses_waits_longer_each_time_and_holds_up_no_other() {
    let stage = stage().await;
    own_all(&stage);
    let all = names(&stage);
    let path = format!("/2/instances/{}/tags", all[0]);
    let refusal = Fault::Status { status: 400, message: "too many tags".to_owned() };
    stage.sim.fault(FaultRule::always(refusal).path(&path));
    let runner = stage.runner().await;
    wait_for("the others, and three tries", SOON, async || {
        let done = all[1..].iter().filter(|name| !ours(&stage, name).is_empty()).count();
        let failed = jobs(&stage, "phase = 'failed'").await;
        if done == all.len() - 1 && failed >= 3 { Ok(()) } else { Err(format!("{done} {failed}")) }
    })
    .await;
    let pool = stage.database.pool().await;
    let gaps: Vec<f64> = sqlx::query_scalar(
        "select extract(epoch from created_at - lag(ended_at) over (order by number))::float8
         from job where kind = 'owner_tag' and object_name = $1 order by number offset 1 limit 2",
    )
    .bind(&all[0])
    .fetch_all(&pool)
    .await
    .unwrap();
    assert!(gaps[0] >= 0.5 && gaps[1] >= 1.0, "{gaps:?}");
    stage.sim.clear_faults().await.unwrap();
    until_right(&stage, &runner).await;
}

#[tokio::test]
async fn a_change_that_nobody_wants_any_more_is_not_sent() {
    let stage = stage().await;
    let name = names(&stage)[0].clone();
    let own = |owner: &str| {
        let owners = BTreeMap::from([(name.clone(), owner.to_owned())]);
        stage.fakes.knobs(|k| k.owners = Some(owners));
    };
    own("user/carla");
    stage.sim.refuse_connections();
    let runner = stage.runner().await;
    wait_for("a job that waits", SOON, async || {
        match jobs(&stage, "waiting_for like '%can''t be reached%'").await {
            0 => Err(runner.process.log_tail(5)),
            _ => Ok(()),
        }
    })
    .await;
    own("user/dora");
    stage.sim.listen_again().await.unwrap();
    until_right(&stage, &runner).await;
    assert_eq!(jobs(&stage, "phase = 'canceled' and error_code = 'superseded'").await, 1);
    assert_eq!(at_ganeti(&stage), BTreeMap::from([("OP_TAGS_SET", 1)]), "carla's was never sent");
}

#[tokio::test]
async fn what_ganeti_has_already_is_not_sent_though_the_inventory_is_behind() {
    let stage = stage().await;
    let name = names(&stage)[0].clone();
    let carla = format!("{PREFIX}user/carla");
    tag(&stage, &name, &[&carla]);
    let uuid = stage.sim.instance(&name).unwrap().uuid;
    let cluster_id = stage.fakes.cluster_id.to_string();
    let stale = OwnerTagChange {
        cluster_id,
        cluster: "fra1".to_owned(),
        uuid,
        name,
        add: true,
        tags: vec![carla],
    };
    stage.fakes.knobs(|k| k.stale_tags = Some(stale.clone()));
    let runner = stage.runner().await;
    let over = "phase = 'canceled' and error_code = 'superseded'";
    let until = async |count: i64| {
        wait_for("a job that is called off", SOON, async || match jobs(&stage, over).await {
            off if off >= count => Ok(()),
            off => Err(format!("{off}\n{}", runner.process.log_tail(5))),
        })
        .await;
    };
    until(2).await;
    assert_paced(&stage, 500).await;
    // What is no owner's tag is not touched, whoever says so.
    let evil = OwnerTagChange { add: false, tags: vec!["site:fra".to_owned()], ..stale };
    stage.fakes.knobs(|k| k.stale_tags = Some(evil));
    looked_again(&stage).await;
    assert_eq!(at_ganeti(&stage), BTreeMap::new());
}

#[tokio::test]
async fn a_cluster_that_is_left_alone_gets_no_tags() {
    let stage = stage().await;
    own_all(&stage);
    // The inventory tells of nothing to do there; this is what holds if it was switched a moment later.
    stage.fakes.knobs(|k| k.paused = true);
    let runner = stage.runner().await;
    let until = async |what: &str| {
        wait_for(what, SOON, async || match jobs(&stage, what).await {
            0 => Err(runner.process.log_tail(5)),
            _ => Ok(()),
        })
        .await;
    };
    until("waiting_for like '%which is paused'").await;
    stage.fakes.knobs(|k| (k.paused, k.held_read_only) = (false, true));
    until("phase = 'failed' and error_code = 'read_only'").await;
    assert_eq!(at_ganeti(&stage), BTreeMap::new());
    stage.fakes.knobs(|k| k.held_read_only = false);
    until_right(&stage, &runner).await;
}

#[tokio::test]
async fn people_ask_for_no_owner_tags() {
    let stage = stage().await;
    let runner = stage.runner().await;
    let name = names(&stage)[0].clone();
    let parameters = json!({"add": true, "tags": [format!("{PREFIX}user/mallory")]});
    let asked = ask("owner_tag", &name, parameters);
    let refused = stage.submit_as(&runner, stage.fakes.admin, asked).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument, "{refused:?}");
    let tags = [format!("{PREFIX}user/mallory")];
    let parameters = json!({"os": "noop+default", "disk_template": "diskless", "tags": tags});
    let asked = ask("create", "new1.example.org", parameters);
    let refused = stage.submit_as(&runner, stage.fakes.admin, asked).await.unwrap_err();
    let refused = gwm_kernel::Fault::from_status(&refused);
    assert_eq!(refused.field.as_deref(), Some("parameters.tags"), "{refused:?}");
    assert!(refused.message.contains("gwm alone writes such tags"), "{refused:?}");
    assert_eq!(jobs(&stage, "true").await, 0);
}
