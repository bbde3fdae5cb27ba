use gwm_kernel::Fault;
use gwm_proto::cache::{ConsoleSettings, GetWriteAccessRequest};
use gwm_rapi_sim::Outside;
use gwm_testkit::wait_for;

use crate::world::{PATIENCE, World, credential};

#[tokio::test]
async fn passwords_are_nowhere_in_clear() {
    let world = World::with(
        gwm_rapi_sim::SimConfig::single("sim1.example.org"),
        &[("LOG", "trace,h2=info,hyper=info,rustls=info"), ("POLL__JOBS", "200ms")],
    )
    .await;
    let replica = world.replica("a").await;
    let mut request = world.add_request();
    request.console = Some(ConsoleSettings {
        enabled: true,
        vnc_password: "vncMARK1".to_owned(),
        remove_vnc_password: false,
    });
    let cluster = replica
        .clusters()
        .add_cluster(world.admin.ask(request.clone()))
        .await
        .unwrap()
        .into_inner();
    request.slug = "two".to_owned();
    request.read = Some(credential("gwm-read", "wrong-MARKER"));
    let refused = replica.clusters().add_cluster(world.admin.ask(request)).await.unwrap_err();
    assert_eq!(Fault::from_status(&refused).reason, "rapi_unauthorized");
    let asked = GetWriteAccessRequest { cluster_id: cluster.cluster_id.clone() };
    let access = replica.internal().get_write_access(asked).await.unwrap().into_inner();
    assert_eq!(access.credential.unwrap().password, "write-secret");
    world.polled(&replica).await;
    // A job of Ganeti's command line that fails, with secrets in a parameter and in what Ganeti says of it.
    let instance = world.list(&replica, "status:running").await.instances[0].name.clone();
    let op = "OP_INSTANCE_SET_PARAMS";
    world.cluster().fail_jobs(op, 1, "the OS script said root_password=errorMARK");
    let beparams = serde_json::from_value(serde_json::json!({"x": "parameterMARK"})).unwrap();
    let change = Outside::Modify { instance: instance.clone(), beparams };
    world.cluster().outside(change).await.unwrap_err();
    let ended = wait_for("the job's end to be told", PATIENCE, async || {
        let ended = world.events().await.into_iter().map(|(_, event)| event).find(|event| {
            let object = &event["data"]["object"];
            object["op_code"] == op && object["status"] == "error"
        });
        ended.ok_or("not yet")
    })
    .await;
    assert_eq!(ended["data"]["object"]["error"], "OpExecError", "{ended}");
    assert_eq!(ended["data"]["object"]["objects"][0]["name"], instance.as_str());

    let pool = world.pool().await;
    let tables: Vec<String> = sqlx::query_scalar(
        "select table_name::text from information_schema.tables where table_schema = 'public'",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    let mut everything = std::fs::read_to_string(replica.process.log_file()).unwrap();
    assert!(everything.contains("cluster added"));
    for table in tables {
        let sql = format!("select coalesce(string_agg(t::text, ' '), '') from {table} t");
        let text: String =
            sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&pool).await.unwrap();
        everything.push_str(&text);
    }
    everything.push_str(&format!("{refused:?}{cluster:?}"));
    everything.push_str(&replica.admin("/metrics").await.unwrap());
    let jobs = ["errorMARK", "parameterMARK"];
    for secret in
        ["read-secret", "write-secret", "vncMARK1", "wrong-MARKER"].into_iter().chain(jobs)
    {
        // Bytes of bytea columns are shown in hex.
        let hex: String = secret.bytes().map(|b| format!("{b:02x}")).collect();
        let found = everything.contains(secret) || everything.contains(&hex);
        assert!(!found, "{secret} is where it must not be");
    }
}

#[tokio::test]
async fn all_events_reach_the_stream_and_the_list_knows_how_far() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    world.add(&replica).await;
    let told = u64::try_from(world.events().await.len()).unwrap();
    wait_for("the stream to be as long as the outbox", PATIENCE, async || {
        let listed = world.list(&replica, "").await;
        let sequence = listed.page.unwrap().stream_sequence.unwrap();
        if sequence >= told { Ok(()) } else { Err(format!("{sequence} of {told}")) }
    })
    .await;
}
