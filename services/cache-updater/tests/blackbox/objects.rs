use gwm_proto::cache::objects_client::ObjectsClient;
use gwm_proto::cache::{
    GetClusterRequest, GetObjectRequest, ListObjectsRequest, NetworkDetail, NodeGroupDetail,
};
use gwm_proto::common::PageRequest;
use gwm_rapi_sim::{ClusterConfig, Fault, FaultRule, SimConfig};
use gwm_testkit::wait_for;
use serde_json::{Value, json};
use tonic::{Code, Status};

use crate::auth::Person;
use crate::world::{PATIENCE, Replica, World, add_request, object};

/// What is read at the slower rate otherwise is read with each look here.
async fn world() -> (World, Replica) {
    let world =
        World::with(SimConfig::single("sim1.example.org"), &[("POLL__DETAILS", "0s")]).await;
    let replica = world.replica("a").await;
    (world, replica)
}

fn page(q: &str) -> ListObjectsRequest {
    ListObjectsRequest {
        page: Some(PageRequest { q: q.to_owned(), limit: 50, ..Default::default() }),
    }
}

fn named(cluster: &str, object: &str) -> GetObjectRequest {
    GetObjectRequest { cluster: cluster.to_owned(), object: object.to_owned() }
}

async fn group(replica: &Replica, who: &Person, name: &str) -> Result<NodeGroupDetail, Status> {
    let answer = replica.objects().get_node_group(who.ask(named("one", name))).await;
    answer.map(tonic::Response::into_inner)
}

async fn network(replica: &Replica, who: &Person, name: &str) -> Result<NetworkDetail, Status> {
    let answer = replica.objects().get_network(who.ask(named("one", name))).await;
    answer.map(tonic::Response::into_inner)
}

impl Replica {
    fn objects(&self) -> ObjectsClient<gwm_kernel::grpc::Peer> {
        ObjectsClient::new(self.gateway())
    }
}

/// Names of what events of this type were about.
async fn told(world: &World, kind: &str) -> Vec<String> {
    let events = world.events().await;
    let of = events.iter().filter(|(k, _)| k == kind);
    of.map(|(_, e)| e["data"]["object"]["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn node_groups_and_networks_come_with_the_first_look_and_change_with_their_cluster() {
    let (world, replica) = world().await;
    world.add(&replica).await;
    let known: Vec<String> = world.cluster().look(|c| c.groups.keys().cloned().collect());
    assert_eq!(told(&world, "node_group.discovered").await, known);
    let networks: Vec<String> = world.cluster().look(|c| c.networks.keys().cloned().collect());
    assert!(!networks.is_empty());
    assert_eq!(told(&world, "network.discovered").await, networks);
    world.polled(&replica).await;
    assert!(told(&world, "network.changed").await.is_empty(), "nothing happened");

    // Renamed: the same object, and its nodes show the new name.
    let uuid = group(&replica, &world.admin, &known[0]).await.unwrap().node_group.unwrap().uuid;
    world.cluster().edit(|c| {
        let mut moved = c.groups.remove(&known[0]).unwrap();
        moved.name = "rack-one".to_owned();
        moved.tags.insert("site:a".to_owned());
        c.groups.insert(moved.name.clone(), moved);
    });
    let event = world.wait_told("node_group.changed", "rack-one").await;
    assert_eq!(event["data"]["changed"]["name"], known[0].as_str());
    assert_eq!(event["data"]["object"]["uuid"], uuid.as_str());
    assert_eq!(event["data"]["object"]["config_version"], "2");
    let detail = wait_for("the nodes to show it", PATIENCE, async || {
        let detail = group(&replica, &world.admin, "rack-one").await.unwrap();
        if detail.nodes.is_empty() { Err("not yet") } else { Ok(detail) }
    })
    .await;
    let count = world.cluster().look(|c| c.nodes.values().filter(|n| n.group == uuid).count());
    assert_eq!(detail.nodes.len(), count);
    assert!(detail.parameters.iter().any(|p| p.kind == "ipolicy" && p.origin == "cluster"));
    assert_eq!(detail.connections.len(), networks.len());

    // A new network, and one that goes: gone is proven by a read by its name.
    world.cluster().edit(|c| {
        let mut new = c.networks.remove(&networks[0]).unwrap();
        new.name = "fresh".to_owned();
        new.uuid = "11111111-2222-4333-8444-555555555555".to_owned();
        c.networks.insert(new.name.clone(), new);
    });
    world.wait_told("network.removed", &networks[0]).await;
    world.wait_told("network.discovered", "fresh").await;
    assert!(network(&replica, &world.admin, "fresh").await.unwrap().network.is_some());
    assert_eq!(
        network(&replica, &world.admin, &networks[0]).await.unwrap_err().code(),
        Code::NotFound
    );
}

#[tokio::test]
async fn what_a_cluster_is_made_of_is_for_those_who_see_all_of_it() {
    let (world, replica) = world().await;
    let cluster = world.add(&replica).await;
    let one = world.list(&replica, "").await.instances.remove(0);
    let customer = world.person(&replica, "view", object("instance", &cluster, &one.uuid)).await;
    let operator = world.person(&replica, "migrate", object("cluster", &cluster, "")).await;
    let name = world.cluster().look(|c| c.groups.keys().next().unwrap().clone());
    let lan = world.cluster().look(|c| c.networks.keys().next().unwrap().clone());
    for (who, sees) in [(&customer, false), (&operator, true), (&world.admin, true)] {
        let found = group(&replica, who, &name).await;
        assert_eq!(found.map_or_else(|e| e.code(), |_| Code::Ok) == Code::Ok, sees);
        assert_eq!(network(&replica, who, &lan).await.is_ok(), sees);
        let mut client = replica.objects();
        let listed = client.list_node_groups(who.ask(page(""))).await.unwrap().into_inner();
        assert_eq!(listed.page.unwrap().total > 0, sees);
        let listed = client.list_networks(who.ask(page(""))).await.unwrap().into_inner();
        assert_eq!(listed.page.unwrap().total > 0, sees);
        let asked = GetClusterRequest { cluster: "one".to_owned() };
        assert_eq!(client.get_cluster_detail(who.ask(asked)).await.is_ok(), sees);
        // Nor does the instance tell of it.
        let detail = replica.instance(who, &one.name).await.unwrap();
        let kinds: Vec<&str> = detail.parameters.iter().map(|p| p.kind.as_str()).collect();
        assert!(kinds.contains(&"beparams"));
        assert_eq!(kinds.contains(&"hvparams") && kinds.contains(&"nicparams"), sees, "{kinds:?}");
        assert_eq!(detail.hvparams.unwrap().fields.is_empty(), !sees);
        assert_eq!(detail.said.unwrap().fields.is_empty(), !sees);
    }
}

#[tokio::test]
async fn groups_and_networks_that_make_no_sense_are_said_and_change_nothing() {
    let (world, replica) = world().await;
    world.add(&replica).await;
    let before = world.events().await.len();
    let uuid = "11111111-2222-4333-8444-555555555555";
    for (path, body) in [
        ("/2/groups", json!([{"uuid": uuid, "name": "g", "node_cnt": "many"}])),
        ("/2/groups", json!([{"uuid": uuid}])),
        ("/2/groups", json!([{"uuid": "no uuid", "name": "g"}])),
        ("/2/groups", json!({"name": "default"})),
        ("/2/networks", json!([{"uuid": uuid, "name": "n", "group_list": "default"}])),
        ("/2/networks", json!([{"uuid": uuid, "name": 7}])),
        ("/2/networks", json!([{"uuid": uuid, "name": "n", "tags": {"a": 1}}])),
    ] {
        world.cluster().fault(FaultRule::always(Fault::Says { body: body.clone() }).path(path));
        let health = wait_for("the trouble to be said", PATIENCE, async || {
            let health = world.get(&replica, "one").await.health.unwrap();
            if health.error.is_empty() { Err(format!("{body}")) } else { Ok(health) }
        })
        .await;
        assert!(
            health.error.contains("Ganeti") || health.error.contains("JSON"),
            "{}",
            health.error
        );
        world.cluster().clear_faults().await.unwrap();
        world.refresh(&replica).await.unwrap();
    }
    let events = world.events().await;
    let about = |kind: &str| kind.starts_with("node_group.") || kind.starts_with("network.");
    assert!(events[before..].iter().all(|(kind, _)| !about(kind)), "{events:?}");
    assert!(told(&world, "instance.removed").await.is_empty());
}

#[tokio::test]
async fn a_network_without_addresses_and_fields_left_out_are_shown_as_not_known() {
    let (world, replica) = world().await;
    let uuid = "11111111-2222-4333-8444-555555555555";
    let bare =
        json!([{"uuid": uuid, "name": "l2", "network": null, "free_count": null, "map": null}]);
    world.cluster().fault(FaultRule::always(Fault::Says { body: bare }).path("/2/networks"));
    world.add(&replica).await;
    let found = network(&replica, &world.admin, "l2").await.unwrap().network.unwrap();
    assert_eq!((found.network.as_str(), found.addresses_free), ("", None));
    assert_eq!(network(&replica, &world.admin, uuid).await.unwrap().network.unwrap().name, "l2");
}

#[tokio::test]
async fn an_empty_list_once_removes_no_group_and_no_network() {
    let (world, replica) = world().await;
    world.add(&replica).await;
    for path in ["/2/groups", "/2/networks"] {
        let struck = world.cluster().faults_struck();
        world.cluster().fault(FaultRule::once(Fault::Says { body: json!([]) }).path(path));
        wait_for("the fault", PATIENCE, async || {
            if world.cluster().faults_struck() > struck { Ok(()) } else { Err("not yet") }
        })
        .await;
    }
    world.polled(&replica).await;
    let events = world.events().await;
    assert!(events.iter().all(|(kind, _)| !kind.ends_with(".removed")), "{events:?}");
}

#[tokio::test]
async fn the_same_node_name_in_two_clusters_is_two_nodes() {
    let one = ClusterConfig { nodes: 3, instances: 2, ..ClusterConfig::default() };
    let two = ClusterConfig { name: "sim2.example.org".to_owned(), instances: 3, ..one.clone() };
    let config = SimConfig { clusters: vec![one, two], admin: None };
    let world = World::with(config, &[]).await;
    // The second cluster's nodes bear the names of the first one's.
    let names: Vec<String> = world.cluster().look(|c| c.nodes.keys().cloned().collect());
    world.sim.clusters()[1].edit(|c| {
        let nodes = std::mem::take(&mut c.nodes);
        let old: Vec<String> = nodes.keys().cloned().collect();
        for ((_, mut node), name) in nodes.into_iter().zip(&names) {
            node.name.clone_from(name);
            c.nodes.insert(name.clone(), node);
        }
        let renamed = |n: &String| names[old.iter().position(|o| o == n).unwrap()].clone();
        for instance in c.instances.values_mut() {
            instance.pnode = renamed(&instance.pnode);
            instance.snodes = instance.snodes.iter().map(renamed).collect();
            instance.running_on = instance.running_on.as_ref().map(renamed);
        }
        c.master.clone_from(&names[0]);
    });
    let replica = world.replica("a").await;
    for (cluster, slug) in world.sim.clusters().iter().zip(["one", "two"]) {
        let request = world.admin.ask(add_request(cluster, slug));
        replica.clusters().add_cluster(request).await.unwrap();
    }
    let mut uuids = Vec::new();
    for (slug, cluster) in ["one", "two"].into_iter().zip(world.sim.clusters()) {
        let asked = world.admin.ask(named(slug, &names[0]));
        let detail = replica.inventory().get_node(asked).await.unwrap().into_inner();
        let here = cluster.look(|c| {
            c.instances
                .values()
                .filter(|i| i.pnode == names[0])
                .map(|i| i.name.clone())
                .collect::<Vec<_>>()
        });
        let mut shown: Vec<String> =
            detail.primary_instances.iter().map(|i| i.name.clone()).collect();
        shown.sort();
        assert_eq!(shown, here, "{slug}");
        assert!(detail.primary_instances.iter().all(|i| i.cluster == slug));
        uuids.push(detail.node.unwrap().uuid);
    }
    assert_ne!(uuids[0], uuids[1]);
}

#[tokio::test]
async fn oses_are_read_by_themselves_and_values_of_os_parameters_never_come_in() {
    let (world, replica) = world().await;
    let name = world.cluster().look(|c| c.instances.keys().next().unwrap().clone());
    world.cluster().edit(|c| {
        let instance = c.instances.get_mut(&name).unwrap();
        instance.osparams = json!({"root_password": "geheim-4711"}).as_object().unwrap().clone();
    });
    world.add(&replica).await;
    let oses = wait_for("the OSes", PATIENCE, async || {
        let answer = replica.objects().list_oses(world.admin.ask(page(""))).await.unwrap();
        let oses = answer.into_inner().oses;
        if oses.is_empty() { Err("none yet") } else { Ok(oses) }
    })
    .await;
    let instances = world.list(&replica, "").await.instances;
    for os in &oses {
        let count = instances.iter().filter(|i| i.os == os.name).count();
        assert_eq!(os.instances as usize, count, "{}", os.name);
    }
    let detail = world.instance(&replica, &name).await.unwrap();
    let known: Vec<_> = detail.parameters.iter().filter(|p| p.kind == "osparams").collect();
    assert_eq!((known[0].name.as_str(), known[0].origin.as_str()), ("root_password", "instance"));
    assert!(known[0].value.is_none());
    // Names are for administrators.
    let cluster = world.get(&replica, "one").await;
    let operator = world.person(&replica, "view", object("cluster", &cluster, "")).await;
    let detail = replica.instance(&operator, &name).await.unwrap();
    assert!(detail.parameters.iter().all(|p| p.kind != "osparams"));

    let pool = world.pool().await;
    let tables: Vec<String> = sqlx::query_scalar(
        "select table_name::text from information_schema.tables where table_schema = 'public'",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert!(tables.len() > 10);
    for table in tables {
        let sql = format!("select count(*) from {table} t where t::text like '%geheim-4711%'");
        let hits: i64 =
            sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&pool).await.unwrap();
        assert_eq!(hits, 0, "{table}");
    }
}

#[tokio::test]
async fn where_an_instance_breaks_the_policy_is_said() {
    let (world, replica) = world().await;
    world.add(&replica).await;
    let name = world.list(&replica, "").await.instances[0].name.clone();
    assert!(world.instance(&replica, &name).await.unwrap().violations.is_empty());
    let vcpus: Value = json!(64);
    world.cluster().edit(|c| {
        c.instances.get_mut(&name).unwrap().beparams.insert("vcpus".to_owned(), vcpus);
    });
    let found = wait_for("the violation", PATIENCE, async || {
        let detail = world.instance(&replica, &name).await.unwrap();
        detail.violations.first().cloned().ok_or("none")
    })
    .await;
    assert!(found.contains("64 is more than 16"), "{found}");
}
