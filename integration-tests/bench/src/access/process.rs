//! A decision in process, and what one user sees.

use std::hint::black_box;
use std::time::{Duration, Instant};

use gwm_authz::Rights;
use gwm_proto::auth::{Right, Snapshot, UserRights};
use gwm_proto::common::ObjectRef;
use gwm_types::{ClusterId, InstanceUuid, Object, Permission, UserId};
use uuid::Uuid;

use crate::report::{Report, Times};

const USERS: usize = 1000;
const GRANTS_EACH: usize = 200;
const CHECKS: usize = 1_000_000;

/// A grant: whose, on what, and which permission.
pub(crate) type Held = (UserId, ClusterId, InstanceUuid, &'static str);

pub(crate) async fn run(report: &mut Report) -> anyhow::Result<()> {
    let users: Vec<UserId> = (0..USERS).map(|_| UserId::generate()).collect();
    let mut held = Vec::new();
    let entries = users.iter().map(|user| {
        let rights = (0..GRANTS_EACH).map(|n| {
            let (cluster, instance) = (Uuid::now_v7(), Uuid::now_v7());
            let word = ["view", "power"][n % 2];
            held.push((*user, ClusterId(cluster), InstanceUuid(instance), word));
            Right {
                permissions: vec![word.to_owned()],
                object: Some(ObjectRef {
                    kind: "instance".to_owned(),
                    cluster_id: cluster.to_string(),
                    uuid: instance.to_string(),
                }),
            }
        });
        let rights = rights.collect();
        UserRights { user_id: user.to_string(), rights, ..Default::default() }
    });
    let snapshot = Snapshot { users: entries.collect(), ..Default::default() };
    let mut rights = Rights::default();
    rights.replace(1, snapshot);

    // Spread over memory as requests are: each check is another user's and another object.
    let started = Instant::now();
    let mut allowed = 0_usize;
    for n in 0..CHECKS {
        let (user, cluster, instance, _) = held[n * 7919 % held.len()];
        let object = Object::Instance(cluster, instance);
        allowed += usize::from(black_box(rights.allows(user, Permission::Console, object)));
    }
    let each = started.elapsed().as_secs_f64() / CHECKS as f64 * 1e9;
    assert_eq!(allowed, CHECKS / 2, "half of them hold power");
    let what = "a decision in process, of 200,000 grants";
    report.limit(what, format!("{each:.0} ns"), "<= 200 ns", each <= 200.0);

    let mut times = Times::default();
    for user in &users {
        let started = Instant::now();
        black_box(rights.scope(*user, Permission::View));
        times.add(started.elapsed());
    }
    let slowest = Duration::from_secs_f64(times.percentile(100));
    let what = "what one user sees (scope of a list)";
    let text = format!("p50 {times}, slowest {:.2} ms", slowest.as_secs_f64() * 1e3);
    report.limit(what, text, "<= 2 ms", times.median() <= Duration::from_millis(2));
    super::peers::run(report, &rights, &held).await
}
