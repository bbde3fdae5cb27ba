use gwm_proto::cache::{
    GetObjectRequest, GetOverviewRequest, ListClustersRequest, ListNodesRequest, Nic,
};
use gwm_rapi_sim::Outside;

use crate::world::{World, object, reason};

#[tokio::test]
async fn an_instance_shows_what_ganeti_says() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    world.add(&replica).await;
    let listed = world.list(&replica, "").await;
    assert_eq!(listed.instances.len(), 12);
    let page = listed.page.unwrap();
    assert!(page.total == 12 && page.total_exact && page.stream_sequence.is_some());
    for shown in &listed.instances {
        let real = world.cluster().instance(&shown.name).unwrap();
        assert_eq!(shown.uuid, real.uuid);
        assert_eq!(shown.cluster, "one");
        assert_eq!(shown.status, world.cluster().status(&shown.name).unwrap());
        assert!(!shown.hypervisor.is_empty() && !shown.node_group.is_empty(), "{shown:?}");
        assert!(!shown.primary_node.is_empty() && shown.memory_mib.is_some());
        assert!(shown.seen_at.is_some() && shown.created_at.is_some());
    }
    let one = &listed.instances[0];
    for key in [&one.name, &one.uuid] {
        let detail = world.instance(&replica, key).await.unwrap();
        assert_eq!(detail.instance.unwrap().uuid, one.uuid);
        assert!(!detail.hvparams.unwrap().fields.is_empty());
        assert_eq!(detail.permissions, gwm_types::Permission::ALL.map(|p| p.to_string()));
    }
    let absent = world.instance(&replica, "no-such").await.unwrap_err();
    assert_eq!(absent.code(), tonic::Code::NotFound);

    let asked = world.admin.ask(ListNodesRequest::default());
    let nodes = replica.inventory().list_nodes(asked).await.unwrap().into_inner().nodes;
    assert_eq!(nodes.len(), 3);
    assert_eq!(nodes.iter().filter(|n| n.role == "master").count(), 1);
    let wanted = GetObjectRequest { cluster: "one".to_owned(), object: nodes[0].name.clone() };
    let asked = world.admin.ask(wanted);
    let node = replica.inventory().get_node(asked).await.unwrap().into_inner();
    let on = listed.instances.iter().filter(|i| i.primary_node == nodes[0].name).count();
    assert_eq!(node.primary_instances.len(), on);
}

#[tokio::test]
async fn lists_are_filtered_sorted_and_paged() {
    let world = World::sized(3, 25).await;
    let replica = world.replica("a").await;
    world.add(&replica).await;
    let all = world.list(&replica, "").await.instances;
    for (sort, descending) in
        [("name", false), ("-memory", true), ("status", false), ("node", false)]
    {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = replica.list(&world.admin, "", sort, 7, &cursor).await.unwrap();
            let info = page.page.unwrap();
            assert_eq!(info.total, 25);
            assert_eq!(info.stream_sequence.is_some(), cursor.is_empty());
            seen.extend(page.instances);
            if info.next_cursor.is_empty() {
                break;
            }
            cursor = info.next_cursor;
        }
        let mut unique: Vec<_> = seen.iter().map(|i| &i.uuid).collect();
        unique.sort();
        unique.dedup();
        assert_eq!((seen.len(), unique.len()), (25, 25), "{sort}");
        if descending {
            assert!(seen.is_sorted_by(|a, b| a.memory_mib >= b.memory_mib));
        }
    }
    let running = all.iter().filter(|i| i.status == "running").count();
    let count = async |q: &str| world.list(&replica, q).await.instances.len();
    assert_eq!(count("status:running").await, running);
    assert_eq!(count("-status:running").await, 25 - running);
    assert_eq!(count("status:RUNNING or status:admin_*").await, 25);
    assert_eq!(count(&all[3].name).await, 1);
    assert_eq!(count("ram>1T").await, 0);
    assert_eq!(count("ram>0 cluster:one vcpus>=1").await, 25);
    assert_eq!(count("name:*").await, 25);
    assert_eq!(count("%").await, 0);
    let bad = replica.list(&world.admin, "colour:red", "", 0, "").await.unwrap_err();
    assert!(bad.message().contains("at character 1"), "{}", bad.message());
    let bad = replica.list(&world.admin, "", "hvparams", 0, "").await.unwrap_err();
    assert!(bad.message().contains("can't be sorted"), "{}", bad.message());
    let bad = replica.list(&world.admin, "", "", 201, "").await.unwrap_err();
    assert!(bad.message().contains("1 to 200"), "{}", bad.message());
}

#[tokio::test]
async fn a_cursor_is_believed_only_where_it_was_given() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    world.add(&replica).await;
    let first = replica.list(&world.admin, "", "name", 5, "").await.unwrap();
    let cursor = first.page.unwrap().next_cursor;
    let other = world.auth.person(None);
    let mut forged = cursor.clone();
    let last = forged.pop().unwrap();
    forged.push(if last == 'A' { 'B' } else { 'A' });
    let mut altered = cursor.clone().into_bytes();
    altered[50] = if altered[50] == b'A' { b'B' } else { b'A' };
    let altered = String::from_utf8(altered).unwrap();
    let tries = [
        (&world.admin, "", "name", altered.as_str()),
        (&world.admin, "", "name", "AAAA"),
        (&world.admin, "", "name", "not base64!"),
        (&world.admin, "", "-name", &cursor),
        (&world.admin, "web", "name", &cursor),
        (&other, "", "name", &cursor),
    ];
    for (person, q, sort, cursor) in tries {
        // The other administrator is heard of a moment later.
        let refused = gwm_testkit::wait_for("a refusal", crate::world::PATIENCE, async || {
            match replica.list(person, q, sort, 5, cursor).await {
                Err(status) if reason(&status) == "invalid_cursor" => Ok(status),
                answer => Err(format!("{q} {sort} {cursor}: {answer:?}")),
            }
        })
        .await;
        assert_eq!(refused.code(), tonic::Code::InvalidArgument);
    }
    assert_eq!(
        replica.list(&world.admin, "", "name", 5, &cursor).await.unwrap().instances.len(),
        5
    );
}

#[tokio::test]
async fn people_see_what_is_theirs_and_not_where_it_is() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let cluster = world.add(&replica).await;
    let all = world.list(&replica, "").await.instances;
    let mine = &all[4];
    let stranger = world.auth.person(Some(Vec::new()));
    let owner = world.person(&replica, "power", object("instance", &cluster, &mine.uuid)).await;
    let viewer = world.person(&replica, "view", object("cluster", &cluster, "")).await;

    let none = replica.list(&stranger, "", "", 0, "").await.unwrap();
    assert!(none.instances.is_empty() && none.page.unwrap().total == 0);
    assert_eq!(
        replica.instance(&stranger, &mine.name).await.unwrap_err().code(),
        tonic::Code::NotFound
    );

    let one = replica.list(&owner, "", "", 0, "").await.unwrap();
    assert_eq!(one.instances.len(), 1);
    let shown = &one.instances[0];
    assert!(shown.primary_node.is_empty() && shown.node_group.is_empty());
    // Nor can it be found out by asking.
    let asked = format!("node:{}", mine.primary_node);
    assert!(replica.list(&owner, &asked, "", 0, "").await.unwrap().instances.is_empty());
    let detail = replica.instance(&owner, &mine.uuid).await.unwrap();
    let one = detail.instance.unwrap();
    assert!(one.primary_node.is_empty());
    // Of a network interface only the bridge is hidden: that is the cluster's, the rest the owner's.
    assert!(!mine.nics.is_empty() && mine.nics.iter().all(|nic| !nic.link.is_empty()), "{mine:?}");
    let without_link = |nic: &Nic| Nic { link: String::new(), mode: String::new(), ..nic.clone() };
    let wanted: Vec<Nic> = mine.nics.iter().map(without_link).collect();
    assert_eq!((&shown.nics, &one.nics), (&wanted, &wanted));
    for (q, sort) in [(format!("link:{}", mine.nics[0].link), ""), (String::new(), "link")] {
        let refused = replica.list(&owner, &q, sort, 0, "").await.unwrap_err();
        assert_eq!(refused.code(), tonic::Code::InvalidArgument, "{q} {sort}");
    }
    assert_eq!(detail.permissions, ["view", "console", "power"]);
    let other = &all[5];
    let hidden = replica.instance(&owner, &other.uuid).await.unwrap_err();
    assert_eq!(hidden.code(), tonic::Code::NotFound);
    let asked = owner.ask(ListNodesRequest::default());
    assert!(replica.inventory().list_nodes(asked).await.unwrap().into_inner().nodes.is_empty());
    let asked = owner.ask(ListClustersRequest::default());
    let clusters = replica.clusters().list_clusters(asked).await.unwrap().into_inner().clusters;
    assert_eq!(clusters.len(), 1);
    assert!(clusters[0].endpoints.is_empty() && clusters[0].instances_total == 0);
    let asked = owner.ask(GetOverviewRequest::default());
    let overview = replica.inventory().get_overview(asked).await.unwrap().into_inner();
    assert_eq!((overview.instances_total, overview.nodes_total), (1, 0));

    // Whoever sees the whole cluster sees all instances; where they run is a right of its own.
    let seen = replica.list(&viewer, "", "", 0, "").await.unwrap();
    assert_eq!(seen.instances.len(), all.len());
    assert!(seen.instances.iter().all(|i| i.primary_node.is_empty()));
    assert!(seen.instances.iter().flat_map(|i| &i.nics).all(|nic| nic.link.is_empty()));
    let forbidden = replica.clusters().add_cluster(viewer.ask(world.add_request())).await;
    assert_eq!(forbidden.unwrap_err().code(), tonic::Code::PermissionDenied);
}

#[tokio::test]
async fn changes_made_elsewhere_become_events_in_order() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    world.add(&replica).await;
    let running = world.list(&replica, "status:running").await.instances;
    let name = running[0].name.clone();
    let sim = world.cluster();
    sim.outside(Outside::Stop { instance: name.clone() }).await.unwrap();
    let stopped = world.wait_told("instance.status_changed", &name).await;
    assert_eq!(stopped["data"]["changed"]["status"], "running");
    assert_eq!(stopped["data"]["cause"]["kind"], "poll");
    let tag = Outside::Tag { instance: name.clone(), add: vec!["blue".to_owned()], remove: vec![] };
    sim.outside(tag).await.unwrap();
    let tagged = world.wait_told("instance.changed", &name).await;
    assert!(tagged["data"]["object"]["tags"].as_array().unwrap().contains(&"blue".into()));
    let created = gwm_rapi_sim::NewInstance {
        instance: "new1.example.org".to_owned(),
        disk_template: "plain".to_owned(),
        disks: vec![512],
        memory: 128,
        start: true,
    };
    sim.outside(Outside::Create(created)).await.unwrap();
    world.wait_told("instance.created", "new1.example.org").await;
    sim.outside(Outside::Remove { instance: name.clone() }).await.unwrap();
    let removed = world.wait_told("instance.removed", &name).await;
    let events = world.events().await;
    let revisions: Vec<u64> = events
        .iter()
        .filter(|(_, e)| e["data"]["object"]["uuid"] == running[0].uuid.as_str())
        .map(|(_, e)| e["sequence"].as_str().unwrap().parse().unwrap())
        .collect();
    assert!(revisions.is_sorted() && revisions[0] == 1, "{revisions:?}");
    assert!(revisions.windows(2).all(|w| w[1] == w[0] + 1), "{revisions:?}");
    assert_eq!(
        removed["sequence"].as_str().unwrap().parse::<u64>().unwrap(),
        *revisions.last().unwrap()
    );
    let gone = world.instance(&replica, &name).await.unwrap_err();
    assert_eq!(gone.code(), tonic::Code::NotFound);
    assert_eq!(world.get(&replica, "one").await.instances_total, 12);
}
