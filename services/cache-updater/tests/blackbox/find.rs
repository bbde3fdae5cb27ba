//! Search and completion: everything one may see, and nothing else.

use gwm_proto::cache::{
    Found, GetOverviewRequest, ListClustersRequest, NameInstancesRequest, SearchRequest,
};
use gwm_proto::common::{CompleteRequest, ObjectRef, PageRequest};
use tonic::Code;

use crate::auth::Person;
use crate::world::{Replica, World, object};

async fn search(replica: &Replica, person: &Person, q: &str) -> Vec<Found> {
    let asked = person.ask(SearchRequest { q: q.to_owned(), limit: 0 });
    replica.find().search(asked).await.unwrap().into_inner().found
}

async fn complete(replica: &Replica, person: &Person, list: &str, q: &str) -> Vec<String> {
    let at = u32::try_from(q.chars().count()).unwrap();
    let asked = CompleteRequest { list: list.to_owned(), q: q.to_owned(), at };
    let answer = replica.find().complete(person.ask(asked)).await.unwrap().into_inner();
    answer.suggestions.into_iter().map(|s| s.text).collect()
}

fn kinds(found: &[Found], kind: &str) -> Vec<String> {
    found.iter().filter(|f| f.kind == kind).map(|f| f.name.clone()).collect()
}

#[tokio::test]
async fn everything_is_found_by_name_uuid_tag_and_address() {
    let world = World::sized(3, 12).await;
    let replica = world.replica("a").await;
    world.add(&replica).await;
    let all = world.list(&replica, "").await.instances;
    let one = all.iter().find(|i| !i.tags.is_empty()).unwrap_or(&all[0]);
    let admin = &world.admin;
    let names = async |q: &str| kinds(&search(&replica, admin, q).await, "instance");

    assert_eq!(names(&one.name).await.first(), Some(&one.name), "the very name first");
    assert!(names(&one.name[..2]).await.len() > 1, "two letters begin names");
    assert_eq!(names(&one.name[1..]).await, std::slice::from_ref(&one.name), "any part of a name");
    assert_eq!(names(&one.uuid[..11]).await, std::slice::from_ref(&one.name));
    assert_eq!(names(&one.uuid).await, std::slice::from_ref(&one.name));
    let mac = &one.nics[0].mac;
    assert_eq!(names(&mac.to_uppercase()).await, std::slice::from_ref(&one.name));
    for tag in &one.tags {
        let tagged: usize = all.iter().filter(|i| i.tags.contains(tag)).count();
        assert_eq!(names(tag).await.len(), tagged.min(8), "{tag}");
    }
    let found = search(&replica, admin, mac).await;
    assert_eq!(found[0].matched, *mac);
    assert!(names("%").await.is_empty() && names("no-such-name").await.is_empty());

    let nodes = kinds(&search(&replica, admin, &one.primary_node[..5]).await, "node");
    assert!(nodes.contains(&one.primary_node), "{nodes:?}");
    assert_eq!(kinds(&search(&replica, admin, "one").await, "cluster"), ["one"]);
    for bad in ["", "  ", &"x".repeat(201), "a\u{0}"] {
        let asked = admin.ask(SearchRequest { q: bad.to_owned(), limit: 0 });
        let refused = replica.find().search(asked).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{bad:?}");
    }
}

#[tokio::test]
async fn addresses_and_times_are_fields() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    world.add(&replica).await;
    let all = world.list(&replica, "").await.instances;
    let count = async |q: &str| world.list(&replica, q).await.instances.len();
    let mac = &all[0].nics[0].mac;
    assert_eq!(count(&format!("mac:{}", mac.to_uppercase())).await, 1);
    assert_eq!(count(&format!("mac:{}*", &mac[..5])).await, all.len());
    assert_eq!(count(&format!("-mac:{mac}")).await, all.len() - 1);
    assert_eq!(count("mac:none").await, 0);
    assert_eq!(count("created<999y created>2001-01-01").await, all.len());
    assert_eq!(count("created:2001-01-01 or os:none").await, 0);
    let sorted = replica.list(&world.admin, "", "-created", 0, "").await.unwrap().instances;
    let stamps: Vec<_> =
        sorted.iter().map(|i| i.created_at.map(|t| (t.seconds, t.nanos))).collect();
    assert!(stamps.is_sorted_by(|a, b| a >= b), "{stamps:?}");
}

#[tokio::test]
async fn whoever_sees_one_instance_finds_and_completes_nothing_else() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let cluster = world.add(&replica).await;
    let all = world.list(&replica, "").await.instances;
    let mine = &all[4];
    let customer = world.person(&replica, "view", object("instance", &cluster, &mine.uuid)).await;

    let other = all.iter().find(|i| i.uuid != mine.uuid).unwrap();
    for q in [&other.name, &other.uuid, &other.nics[0].mac, &mine.primary_node] {
        assert_eq!(search(&replica, &customer, q).await, [], "{q}");
    }
    let found = search(&replica, &customer, &mine.name).await;
    assert_eq!(kinds(&found, "instance"), std::slice::from_ref(&mine.name));
    assert_eq!(kinds(&search(&replica, &customer, "one").await, "cluster"), ["one"]);

    let theirs = async |q: &str| complete(&replica, &customer, "instances", q).await;
    assert_eq!(theirs("name:").await, std::slice::from_ref(&mine.name));
    assert_eq!(theirs("status:").await, std::slice::from_ref(&mine.status));
    assert_eq!(theirs("mac:").await, [mine.nics[0].mac.clone()]);
    assert_eq!(theirs("cluster:o").await, ["one"]);
    for hidden in ["node:", "secondary_node:", "node_group:"] {
        assert!(theirs(hidden).await.is_empty(), "{hidden}");
    }
    assert!(complete(&replica, &customer, "nodes", "name:").await.is_empty());

    // Neither filter nor order of the clusters tells what is hidden of them.
    let clusters = async |q: &str, sort: &str| {
        let page = PageRequest { q: q.to_owned(), sort: sort.to_owned(), ..Default::default() };
        let asked = customer.ask(ListClustersRequest { page: Some(page) });
        replica.clusters().list_clusters(asked).await.unwrap().into_inner().clusters.len()
    };
    assert_eq!(clusters("", "-instances").await, 1);
    assert_eq!(clusters("instances>0 or nodes>0 or memory>0 or certificate<9999d", "").await, 0);
}

#[tokio::test]
async fn an_administrator_is_offered_what_there_is() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    world.add(&replica).await;
    let all = world.list(&replica, "").await.instances;
    let offered = async |list: &str, q: &str| complete(&replica, &world.admin, list, q).await;
    let mut nodes: Vec<_> = all.iter().map(|i| i.primary_node.clone()).collect();
    nodes.sort();
    nodes.dedup();
    let found = offered("instances", "status:running -node:").await;
    assert!(nodes.iter().all(|n| found.contains(n)), "{found:?}");
    assert_eq!(offered("instances", "mem").await, ["memory>"]);
    assert_eq!(offered("instances", "missing:").await, ["yes", "no"]);
    assert_eq!(offered("nodes", "role:m").await.first().map(String::as_str), Some("master"));
    assert_eq!(offered("clusters", "slug:").await, ["one"]);
    assert_eq!(offered("node-groups", "name:").await, ["default"]);
    assert!(offered("node-groups", "policy:").await.contains(&"preferred".to_owned()));
    assert_eq!(offered("networks", "gatew").await, ["gateway:", "gateway6:"]);
    assert_eq!(offered("oses", "hidden:").await, ["yes", "no"]);
    // OSes are read by themselves, a moment after the rest.
    gwm_testkit::wait_for("an OS", crate::world::PATIENCE, async || {
        let names = offered("oses", "name:").await;
        if names.is_empty() { Err("none yet") } else { Ok(()) }
    })
    .await;
    assert_eq!(offered("clusters", "cluster:o").await, ["one"]);
    let asked = CompleteRequest { list: "secrets".to_owned(), ..Default::default() };
    let refused = replica.find().complete(world.admin.ask(asked)).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn the_overview_counts_what_is_allocated_and_when_the_certificate_ends() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    world.add(&replica).await;
    let all = world.list(&replica, "").await.instances;
    let asked = world.admin.ask(GetOverviewRequest::default());
    let overview = replica.inventory().get_overview(asked).await.unwrap().into_inner();
    let memory: u64 = all.iter().filter_map(|i| i.memory_mib).sum();
    let disk: u64 =
        all.iter().filter_map(|i| Some(i.disk_mib? * (1 + i.secondary_nodes.len() as u64))).sum();
    assert_eq!((overview.memory_allocated_mib, overview.disk_allocated_mib), (memory, disk));
    world.polled(&replica).await;
    let cluster = world.get(&replica, "one").await;
    assert!(cluster.certificate_not_after.is_some_and(|at| at.seconds > 0), "{cluster:?}");
    assert_eq!(cluster.memory_allocated_mib, memory);
}

#[tokio::test]
async fn what_is_known_by_its_id_is_named_to_those_who_see_it() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    world.add(&replica).await;
    let all = world.list(&replica, "").await.instances;
    let reference = |uuid: &str| ObjectRef {
        kind: "instance".to_owned(),
        cluster_id: all[0].cluster_id.clone(),
        uuid: uuid.to_owned(),
    };
    let wanted = [&*all[0].uuid, &*all[1].uuid, "00000000-0000-0000-0000-000000000001"];
    let instances: Vec<ObjectRef> = wanted.map(reference).to_vec();
    let one = world.person(&replica, "view", reference(&all[1].uuid)).await;
    for (person, names) in [
        (&world.admin, vec![all[0].name.clone(), all[1].name.clone()]),
        (&one, vec![all[1].name.clone()]),
    ] {
        let asked = person.ask(NameInstancesRequest { instances: instances.clone() });
        let named = replica.find().name_instances(asked).await.unwrap().into_inner().instances;
        let mut found: Vec<String> = named.iter().map(|n| n.name.clone()).collect();
        found.sort_by_key(|name| names.iter().position(|n| n == name));
        assert_eq!(found, names);
        assert!(named.iter().all(|n| n.cluster == all[0].cluster && !n.uuid.is_empty()));
    }
    for broken in [vec![reference("x")], vec![reference(&all[0].uuid); 1001]] {
        let asked = world.admin.ask(NameInstancesRequest { instances: broken });
        let refused = replica.find().name_instances(asked).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
    }
}
