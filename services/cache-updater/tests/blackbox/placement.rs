//! Where instances run: for those with `view_placement` on the cluster, and for nobody else in any way.

use gwm_proto::cache::objects_client::ObjectsClient;
use gwm_proto::cache::{
    GetClusterRequest, GetObjectRequest, GetOverviewRequest, ListClustersRequest, ListNodesRequest,
    ListObjectsRequest, ResolveConsoleRequest, SearchRequest,
};
use gwm_proto::common::{CompleteRequest, PageRequest};
use gwm_rapi_sim::{Fault, FaultRule};
use gwm_testkit::wait_for;

use crate::auth::Person;
use crate::world::{PATIENCE, Replica, World, object};

fn one(object: &str) -> GetObjectRequest {
    GetObjectRequest { cluster: "one".to_owned(), object: object.to_owned() }
}

/// Everything that the service answers to this person, printed.
async fn everything(world: &World, replica: &Replica, person: &Person) -> Vec<String> {
    let mut said = Vec::new();
    for (q, sort) in [("", ""), ("", "node"), ("", "-node"), ("node:none", "name")] {
        said.push(format!("{:?}", replica.list(person, q, sort, 0, "").await));
    }
    for instance in world.list(replica, "").await.instances {
        said.push(format!("{:?}", replica.instance(person, &instance.uuid).await));
    }
    let mut inventory = replica.inventory();
    let mut objects = ObjectsClient::new(replica.gateway());
    let asked = person.ask(ListNodesRequest::default());
    said.push(format!("{:?}", inventory.list_nodes(asked).await));
    let asked = person.ask(GetOverviewRequest::default());
    said.push(format!("{:?}", inventory.get_overview(asked).await));
    let asked = person.ask(ListClustersRequest::default());
    said.push(format!("{:?}", replica.clusters().list_clusters(asked).await));
    let cluster = GetClusterRequest { cluster: "one".to_owned() };
    said.push(format!("{:?}", replica.clusters().get_cluster(person.ask(cluster.clone())).await));
    said.push(format!("{:?}", objects.get_cluster_detail(person.ask(cluster)).await));
    let asked = || person.ask(ListObjectsRequest::default());
    said.push(format!("{:?}", objects.list_node_groups(asked()).await));
    said.push(format!("{:?}", objects.list_networks(asked()).await));
    said.push(format!("{:?}", objects.list_oses(asked()).await));
    for name in world.cluster().look(|c| c.networks.keys().cloned().collect::<Vec<_>>()) {
        said.push(format!("{:?}", objects.get_network(person.ask(one(&name))).await));
    }
    for list in ["instances", "nodes", "node-groups", "networks", "oses", "clusters"] {
        for q in ["", "node:", "secondary_node:", "group:", "name:", "ip:", "cluster:", "network:"]
        {
            let at = u32::try_from(q.len()).unwrap();
            let asked = CompleteRequest { list: list.to_owned(), q: q.to_owned(), at };
            said.push(format!("{:?}", replica.find().complete(person.ask(asked)).await));
        }
    }
    said
}

#[tokio::test]
async fn no_answer_names_where_an_instance_runs_to_whoever_may_not_see_it() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let cluster = world.add(&replica).await;
    let all = world.list(&replica, "").await.instances;
    let viewer = world.person(&replica, "view", object("cluster", &cluster, "")).await;
    let owner = world.person(&replica, "admin", object("instance", &cluster, &all[3].uuid)).await;
    let operator = world.person(&replica, "migrate", object("cluster", &cluster, "")).await;

    let mut names = world.cluster().look(|c| c.nodes.keys().cloned().collect::<Vec<_>>());
    let node = names[0].clone();
    names.extend(world.cluster().look(|c| c.groups.keys().cloned().collect::<Vec<_>>()));
    let links = all.iter().flat_map(|i| i.nics.iter().map(|n| n.link.clone()));
    names.extend(links.map(|link| format!("{link:?}")));
    names.extend(["xenvg".to_owned(), "kernel_path".to_owned()]);
    let node_groups = world.cluster().look(|c| c.groups.keys().next().unwrap().clone());
    for (who, person) in [("viewer", &viewer), ("owner", &owner)] {
        for text in everything(&world, &replica, person).await {
            for name in &names {
                // The cluster's own group is called "default", as are other things.
                let hit = if *name == node_groups {
                    text.contains("node_group: \"d")
                } else {
                    text.contains(name)
                };
                assert!(!hit, "{who} is told {name}: {text}");
            }
        }
        for text in [&node, &node[..5]] {
            let asked = person.ask(SearchRequest { q: text.to_owned(), limit: 0 });
            let found = replica.find().search(asked).await.unwrap().into_inner().found;
            assert_eq!(found, [], "{who} finds {text}");
        }
        // A filter and an order are no oracles: all are alike.
        let count =
            async |q: &str| replica.list(person, q, "", 0, "").await.unwrap().instances.len();
        let seen = count("").await;
        for field in ["node", "snode", "group"] {
            assert!([0, seen].contains(&count(&format!("{field}:*")).await), "{who} {field}");
            assert_eq!(count(&format!("{field}:{node}")).await, 0, "{who} {field}");
            assert_eq!(count(&format!("{field}:none")).await, seen, "{who} {field}");
            assert_eq!(count(&format!("-{field}:{node}")).await, seen, "{who} {field}");
        }
        assert_eq!(count(&format!("node:{node}")).await, 0);
        let order = async |sort: &str| {
            let listed = replica.list(person, "", sort, 0, "").await.unwrap().instances;
            listed.into_iter().map(|i| i.uuid).collect::<Vec<_>>()
        };
        let (up, down) = (order("node").await, order("-node").await);
        assert!(up == down || up.iter().rev().eq(&down), "{who}: {up:?} {down:?}");
        let hidden = replica.inventory().get_node(person.ask(one(&node))).await.unwrap_err();
        assert_eq!(hidden.code(), tonic::Code::NotFound, "{who}");
        let mut objects = ObjectsClient::new(replica.gateway());
        let hidden = objects.get_node_group(person.ask(one(&node_groups))).await.unwrap_err();
        assert_eq!(hidden.code(), tonic::Code::NotFound, "{who}");
    }
    // Networks are not where instances run, so the viewer has them, without what they are connected to.
    let mut objects = ObjectsClient::new(replica.gateway());
    let page = Some(PageRequest { q: format!("group:{node_groups}"), ..Default::default() });
    let asked = viewer.ask(ListObjectsRequest { page });
    assert_eq!(objects.list_networks(asked).await.unwrap().into_inner().networks.len(), 0);
    let asked = viewer.ask(ListObjectsRequest::default());
    let networks = objects.list_networks(asked).await.unwrap().into_inner().networks;
    assert!(!networks.is_empty() && networks.iter().all(|n| n.connections.is_empty()));

    // Whoever may move instances sees all of it.
    let told = everything(&world, &replica, &operator).await.concat();
    assert!(names.iter().all(|name| told.contains(name.as_str())), "{names:?}");
    let count =
        async |q: &str| replica.list(&operator, q, "", 0, "").await.unwrap().instances.len();
    assert_eq!(count("node:*").await, all.len());
    assert!(replica.inventory().get_node(operator.ask(one(&node))).await.is_ok());
}

/// Two nodes in each of two node groups; each instance within one, but for one that is mirrored in the other.
async fn two_node_groups() -> (World, [Vec<String>; 2], String) {
    let world = World::sized(4, 12).await;
    let (nodes, split) = world.cluster().edit(|c| {
        let of = |group: &str| {
            let group = c.groups[group].uuid.clone();
            let nodes = c.nodes.values().filter(|n| n.group == group);
            nodes.map(|n| n.name.clone()).collect::<Vec<_>>()
        };
        let nodes = [of("default"), of("rack2")];
        let other = |of: &[String], node: &String| of.iter().find(|n| *n != node).unwrap().clone();
        for instance in c.instances.values_mut().filter(|i| !i.snodes.is_empty()) {
            let group = usize::from(!nodes[0].contains(&instance.pnode));
            instance.snodes = vec![other(&nodes[group], &instance.pnode)];
        }
        let mut mirrored = c.instances.values_mut().filter(|i| !i.snodes.is_empty());
        let split = mirrored.find(|i| nodes[0].contains(&i.pnode)).unwrap();
        split.snodes = vec![nodes[1][0].clone()];
        (nodes, split.name.clone())
    });
    (world, nodes, split)
}

#[tokio::test]
async fn a_node_groups_holder_sees_its_nodes_and_of_no_other_a_name() {
    let (world, [inside, outside], split) = two_node_groups().await;
    let replica = world.replica("a").await;
    let cluster = world.add(&replica).await;
    let group = world.cluster().look(|c| c.groups["default"].uuid.clone());
    let person = world.auth.person(Some(vec![
        ("view", object("cluster", &cluster, "")),
        ("migrate", object("node_group", &cluster, &group)),
    ]));
    let mut inventory = replica.inventory();
    let nodes = async |q: &str| {
        let page = Some(PageRequest { q: q.to_owned(), ..Default::default() });
        let asked = person.ask(ListNodesRequest { page });
        let answer = replica.inventory().list_nodes(asked).await?.into_inner();
        let names = answer.nodes.iter().map(|n| n.name.clone()).collect::<Vec<_>>();
        Ok::<_, tonic::Status>((names, answer.page.unwrap().total))
    };
    wait_for("the right to be known", PATIENCE, async || match nodes("").await {
        Ok((names, 2)) if names == inside => Ok(()),
        answer => Err(format!("{answer:?}")),
    })
    .await;

    let mut said = everything(&world, &replica, &person).await;
    let mut objects = ObjectsClient::new(replica.gateway());
    for name in inside.iter().chain(&outside) {
        let found = inventory.get_node(person.ask(one(name))).await;
        assert_eq!(found.is_ok(), inside.contains(name), "{name}");
        said.push(format!("{:?}", found.map_err(|status| status.code())));
        for text in [name.as_str(), &name[..5]] {
            let asked = person.ask(SearchRequest { q: text.to_owned(), limit: 0 });
            let found = replica.find().search(asked).await.unwrap().into_inner().found;
            assert_eq!(found.is_empty(), outside.contains(name), "{text}: {found:?}");
            said.push(format!("{found:?}"));
        }
        let hit = |q: String| {
            let (replica, person) = (&replica, &person);
            async move { replica.list(person, &q, "", 0, "").await.unwrap().instances.len() }
        };
        if outside.contains(name) {
            for field in ["node", "snode"] {
                assert_eq!(hit(format!("{field}:{name}")).await, 0, "{field}:{name}");
            }
            assert_eq!(nodes(name).await.unwrap(), (Vec::new(), 0));
        } else {
            assert!(hit(format!("node:{name}")).await > 0);
        }
    }
    for (name, seen) in [("default", true), ("rack2", false)] {
        let found = objects.get_node_group(person.ask(one(name))).await;
        assert_eq!(found.is_ok(), seen, "{name}");
        said.push(format!("{:?}", found.map_err(|status| status.code())));
    }
    for text in &said {
        for name in outside.iter().map(|n| n.split('.').next().unwrap()).chain(["rack2"]) {
            assert!(!text.contains(name), "told {name}: {text}");
        }
    }
    // Instances show it as far as all of their nodes are there.
    let all = world.list(&replica, "").await.instances;
    let seen = replica.list(&person, "", "", 200, "").await.unwrap().instances;
    assert_eq!(seen.len(), all.len());
    for (whole, seen) in all.iter().zip(&seen) {
        let placed = inside.contains(&whole.primary_node) && whole.name != split;
        let detail = replica.instance(&person, &whole.uuid).await.unwrap();
        if placed {
            assert_eq!(seen, &pb_instance(whole, seen));
            assert_eq!(detail.instance.unwrap().primary_node, whole.primary_node);
        } else {
            assert_eq!((seen.primary_node.as_str(), seen.secondary_nodes.len()), ("", 0));
            assert_eq!(detail.instance.unwrap().primary_node, "");
        }
    }
    assert!(seen.iter().any(|i| !i.primary_node.is_empty()));
}

/// As the administrator has it, but for when it was looked at.
fn pb_instance(
    whole: &gwm_proto::cache::Instance,
    seen: &gwm_proto::cache::Instance,
) -> gwm_proto::cache::Instance {
    gwm_proto::cache::Instance { seen_at: seen.seen_at, ..whole.clone() }
}

#[tokio::test]
async fn why_a_cluster_does_not_answer_is_for_operators() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let cluster = world.add(&replica).await;
    let all = world.list(&replica, "status:running").await.instances;
    let viewer = world.person(&replica, "view", object("cluster", &cluster, "")).await;
    let operator = world.person(&replica, "migrate", object("cluster", &cluster, "")).await;
    let says = "no answer from node7.example.org";
    let wrong = Fault::Status { status: 500, message: says.to_owned() };
    world.cluster().fault(FaultRule::always(wrong));
    let told = async |person: &Person| {
        let page = replica.list(person, "", "", 0, "").await.unwrap();
        let detail = replica.instance(person, &all[0].uuid).await.unwrap();
        let asked = person.ask(GetOverviewRequest::default());
        let overview = replica.inventory().get_overview(asked).await.unwrap().into_inner();
        let cluster = person.ask(GetClusterRequest { cluster: "one".to_owned() });
        let cluster = replica.clusters().get_cluster(cluster).await.unwrap().into_inner();
        format!("{:?} {:?} {overview:?} {cluster:?}", page.clusters, detail.console)
    };
    wait_for("the trouble", PATIENCE, async || {
        let told = told(&operator).await;
        if told.matches("node7").count() >= 4 { Ok(()) } else { Err(told) }
    })
    .await;
    let seen = told(&viewer).await;
    assert!(!seen.contains("node7") && seen.contains("for operators"), "{seen}");
    // The same for whoever tries to open a console meanwhile.
    let ask = ResolveConsoleRequest {
        instance: Some(object("instance", &cluster, &all[0].uuid)),
        kind: "vnc".to_owned(),
    };
    let refused = replica.console().resolve_console(viewer.ask(ask.clone())).await.unwrap_err();
    assert!(!refused.message().contains("node7"), "{refused:?}");
    let refused = replica.console().resolve_console(operator.ask(ask)).await.unwrap_err();
    assert!(refused.message().contains("node7"), "{refused:?}");
}
