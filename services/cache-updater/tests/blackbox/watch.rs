//! Hooks that knock, and Ganeti's own job list: polls come so rarely here that they show nothing by
//! themselves.

use gwm_proto::cache::{
    GetHookRequest, KnockRequest, MakeHookTokenRequest, UpdateClusterRequest,
    WithdrawHookTokenRequest,
};
use gwm_rapi_sim::{Outside, SimConfig};
use gwm_testkit::wait_for;
use tonic::Code;

use crate::world::{PATIENCE, Replica, World, reason};

/// Hours between polls.
const RARELY: [(&str, &str); 2] = [("POLL__INTERVAL", "2h"), ("POLL__JOBS", "200ms")];

async fn token(world: &World, replica: &Replica) -> String {
    let asked = MakeHookTokenRequest { cluster: "one".to_owned() };
    replica.watch().make_hook_token(world.admin.ask(asked)).await.unwrap().into_inner().token
}

fn knock(token: &str, object_name: &str) -> KnockRequest {
    KnockRequest {
        cluster: "one".to_owned(),
        token: token.to_owned(),
        object_type: "INSTANCE".to_owned(),
        object_name: object_name.to_owned(),
        op_code: "OP_INSTANCE_SHUTDOWN".to_owned(),
    }
}

/// The name of an instance that runs.
async fn running(world: &World, replica: &Replica) -> String {
    world.list(replica, "status:running").await.instances[0].name.clone()
}

#[tokio::test]
async fn a_knock_has_the_object_read_at_once_whichever_replica_hears_it() {
    let jobs = ("POLL__JOBS", "2h");
    let world = World::with(SimConfig::single("sim1.example.org"), &[RARELY[0], jobs]).await;
    let (one, two) = (world.replica("a").await, world.replica("b").await);
    world.add(&one).await;
    let token = token(&world, &one).await;
    for (replica, back) in [(&one, false), (&two, true)] {
        let name = running(&world, replica).await;
        // Dies without a job: nothing else can tell of it.
        world.cluster().outside(Outside::Crash { instance: name.clone() }).await.unwrap();
        replica.watch().knock(knock(&token, &name)).await.unwrap();
        let event = world.wait_told("instance.status_changed", &name).await;
        assert_eq!(event["data"]["cause"]["kind"], "hook", "{back} {event}");
        assert_eq!(event["data"]["object"]["status"], "ERROR_down");
    }
}

#[tokio::test]
async fn a_wrong_token_an_unknown_cluster_and_a_withdrawn_token_are_refused_alike() {
    let world = World::with(SimConfig::single("sim1.example.org"), &RARELY).await;
    let replica = world.replica("a").await;
    world.add(&replica).await;
    let first = token(&world, &replica).await;
    let second = token(&world, &replica).await;
    assert_ne!(first, second);
    replica.watch().knock(knock(&second, "x")).await.unwrap();
    let elsewhere = KnockRequest { cluster: "none".to_owned(), ..knock(&second, "x") };
    let asked = WithdrawHookTokenRequest { cluster: "one".to_owned() };
    let mut refused = Vec::new();
    for ask in [knock(&first, "x"), knock("", "x"), elsewhere] {
        refused.push(replica.watch().knock(ask).await.unwrap_err());
    }
    replica.watch().withdraw_hook_token(world.admin.ask(asked)).await.unwrap();
    refused.push(replica.watch().knock(knock(&second, "x")).await.unwrap_err());
    for status in &refused {
        assert_eq!((status.code(), reason(status)), (Code::Unauthenticated, "hook_refused".into()));
        assert_eq!(status.message(), refused[0].message());
    }
    // Only hashes are kept, and only of the one that is worth something.
    let stored: Vec<Vec<u8>> = sqlx::query_scalar("select hash from hook_token")
        .fetch_all(&world.pool().await)
        .await
        .unwrap();
    assert!(stored.is_empty());
}

#[tokio::test]
async fn a_flood_of_knocks_costs_ganeti_next_to_nothing() {
    let jobs = ("POLL__JOBS", "2h");
    let world = World::with(SimConfig::single("sim1.example.org"), &[RARELY[0], jobs]).await;
    let replica = world.replica("a").await;
    world.add(&replica).await;
    let token = token(&world, &replica).await;
    let name = running(&world, &replica).await;
    world.cluster().clear_requests();
    for number in 0..600 {
        let object = if number % 2 == 0 { name.clone() } else { format!("web{number}") };
        replica.watch().knock(knock(&token, &object)).await.unwrap();
    }
    world.cluster().outside(Outside::Crash { instance: name.clone() }).await.unwrap();
    replica.watch().knock(knock(&token, &name)).await.unwrap();
    // Whatever is still in the queue was read when this is: it was the last to come in.
    wait_for("the queue to be empty", PATIENCE, async || {
        let ask = world.admin.ask(GetHookRequest { cluster: "one".to_owned() });
        let hook = replica.watch().get_hook(ask).await.unwrap().into_inner();
        if hook.waiting == 0 && hook.last_knock.is_some() {
            Ok(())
        } else {
            Err(format!("{hook:?}"))
        }
    })
    .await;
    let (_, _, most) = world.cluster().connections();
    assert!(most <= 2, "{most} connections");
    let requests = world.cluster().requests().len();
    // 30 reads in a minute, of at most three requests each, and the job list once.
    assert!(requests <= 100, "{requests} requests for 601 knocks");
}

#[tokio::test]
async fn jobs_of_ganetis_command_line_are_told_once_and_what_they_named_is_read() {
    let world = World::with(SimConfig::single("sim1.example.org"), &RARELY).await;
    let mut replica = world.replica("a").await;
    world.add(&replica).await;
    wait_for("the first job list", PATIENCE, async || {
        sqlx::query_scalar::<_, i64>("select highest from ganeti_job_cursor")
            .fetch_one(&world.pool().await)
            .await
    })
    .await;
    let name = running(&world, &replica).await;
    let number = world.cluster().outside(Outside::Stop { instance: name.clone() }).await.unwrap();
    let number = number.unwrap();
    let event = world.wait_told("instance.status_changed", &name).await;
    assert_eq!(event["data"]["cause"]["kind"], "ganeti_job", "{event}");
    assert_eq!(event["data"]["cause"]["id"], number.to_string());
    let told = async || {
        let events = world.events().await;
        let of = |e: &serde_json::Value| e["data"]["object"]["number"] == number;
        events.into_iter().filter(|(k, e)| k == "ganeti_job.ended" && of(e)).collect::<Vec<_>>()
    };
    let ended = told().await;
    assert_eq!(ended.len(), 1);
    let object = &ended[0].1["data"]["object"];
    assert_eq!(object["op_code"], "OP_INSTANCE_SHUTDOWN");
    assert_eq!(object["status"], "success");
    assert_eq!(object["objects"][0]["name"], name.as_str());
    assert_eq!(object["gwm_job"], serde_json::Value::Null);

    // A removal is proven by its job and one read: no poll needed.
    world.cluster().outside(Outside::Remove { instance: name.clone() }).await.unwrap();
    let event = world.wait_told("instance.removed", &name).await;
    assert_eq!(event["data"]["cause"]["kind"], "ganeti_job", "{event}");

    // The next replica goes on where this one was.
    replica.process.signal("KILL").unwrap();
    let next = world.replica("b").await;
    let other = running(&world, &next).await;
    world.cluster().outside(Outside::Stop { instance: other.clone() }).await.unwrap();
    world.wait_told("instance.status_changed", &other).await;
    assert_eq!(told().await.len(), 1, "told twice");
}

#[tokio::test]
async fn a_knock_does_not_wake_a_paused_cluster() {
    let world = World::with(SimConfig::single("sim1.example.org"), &RARELY).await;
    let replica = world.replica("a").await;
    world.add(&replica).await;
    let token = token(&world, &replica).await;
    let name = running(&world, &replica).await;
    let pause = async |paused: bool| {
        let cluster = "one".to_owned();
        let request = UpdateClusterRequest { cluster, paused: Some(paused), ..Default::default() };
        replica.clusters().update_cluster(world.admin.ask(request)).await.unwrap();
    };
    pause(true).await;
    // What was being read may end; from then on there is silence, knocks or not.
    wait_for("silence", PATIENCE, async || {
        world.cluster().clear_requests();
        replica.watch().knock(knock(&token, &name)).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        let asked = world.cluster().requests().len();
        if asked == 0 { Ok(()) } else { Err(format!("{asked} requests")) }
    })
    .await;
    world.cluster().outside(Outside::Crash { instance: name.clone() }).await.unwrap();
    pause(false).await;
    world.wait_told("instance.status_changed", &name).await;
}
