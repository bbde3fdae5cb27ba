//! Every kind of recorded answer decodes, with the values that Ganeti gave.

use gwm_rapi::{Cell, CellStatus, ConsoleKind, Instance, Node, Resource};

use crate::fixture::{load, serving};
use crate::server::{Reply, Server};

#[tokio::test]
async fn the_cluster_is_read() {
    let info = serving("alpha/info").await.client().info().await.unwrap();
    assert_eq!(info.uuid.to_string(), "ad149588-3060-43fc-81e5-fa853cb39972");
    assert_eq!(
        (info.name.as_str(), info.master.as_deref()),
        ("alpha.lab.test", Some("node1.alpha.lab.test"))
    );
    assert_eq!(info.version_numbers(), Some((3, 0)));
    assert_eq!(info.enabled_hypervisors, ["fake", "kvm"]);
    assert_eq!(info.enabled_disk_templates, ["sharedfile", "file", "diskless", "ext"]);
    assert_eq!(info.default_iallocator.as_deref(), Some("hail"));
    assert_eq!(info.default_beparams().unwrap().vcpus, Some(1));
    assert_eq!(info.default_nicparams().unwrap().link.as_deref(), Some("br0"));
    assert_eq!(info.hvparams["kvm"].text("vnc_bind_address").as_deref(), Some("0.0.0.0"));
    assert_eq!(info.hvparams["kvm"].flag("serial_console"), Some(false));
    assert_eq!(info.tags, ["env:lab", "htools:iextags:service"]);
    assert_eq!(info.ctime.unwrap().timestamp(), 1_795_366_942);
}

#[tokio::test]
async fn small_answers_are_read() {
    assert_eq!(serving("alpha/version").await.client().version().await.unwrap(), 2);
    assert!(
        serving("alpha/features")
            .await
            .client()
            .features()
            .await
            .unwrap()
            .has("instance-create-reqv1")
    );
    assert_eq!(
        serving("alpha/os").await.client().oses().await.unwrap(),
        ["noop+default", "noop+minimal"]
    );
}

#[tokio::test]
async fn bulk_instances_come_as_slices_and_as_objects() {
    let server = serving("alpha/instances-bulk").await;
    let bulk = server.client().instances_bulk_raw().await.unwrap();
    let objects = bulk.objects().unwrap();
    assert_eq!(objects.len(), 15);
    for object in &objects {
        let instance: Instance = object.parse().unwrap();
        assert_eq!(
            (instance.uuid.to_string(), instance.name.as_str()),
            (object.uuid.to_string(), &*object.name)
        );
        let start = object.raw.get().as_ptr() as usize - bulk.body().as_ptr() as usize;
        assert!(start < bulk.body().len(), "a slice lies within the body");
    }
    let all: Vec<Instance> = bulk.parse().unwrap();
    let web1 = all.iter().find(|instance| instance.name == "web1.alpha.lab.test").unwrap();
    assert_eq!(web1.disk_sizes, [Some(64), Some(32)]);
    assert_eq!(web1.nic_ips, [Some("10.50.0.4".to_owned()), None]);
    assert_eq!(web1.nic_network_names, [Some("lan".to_owned()), None]);
    let stopped = all.iter().find(|instance| instance.name == "stopped1.alpha.lab.test").unwrap();
    assert_eq!((stopped.status.as_deref(), stopped.oper_ram), (Some("ADMIN_down"), None));
    let vnc = all.iter().find(|instance| instance.name == "vnc1.alpha.lab.test").unwrap();
    assert_eq!(vnc.network_port, Some(11001));
    assert_eq!(vnc.hvparams.text("vnc_bind_address").as_deref(), Some("0.0.0.0"));
    assert_eq!(server.requests()[0].line(), "GET /2/instances?bulk=1 HTTP/1.1");
}

#[tokio::test]
async fn one_instance_is_what_the_bulk_list_says() {
    let one = serving("alpha/instance-web1")
        .await
        .client()
        .instance("web1.alpha.lab.test")
        .await
        .unwrap();
    let all = serving("alpha/instances-bulk").await.client().instances().await.unwrap();
    let listed = all.iter().find(|instance| instance.uuid == one.uuid).unwrap();
    assert_eq!(
        (&one.name, &one.nic_macs, &one.disk_uuids),
        (&listed.name, &listed.nic_macs, &listed.disk_uuids)
    );
}

#[tokio::test]
async fn every_recorded_state_of_instances_and_nodes_is_read() {
    let mut states = std::collections::BTreeSet::new();
    for name in ["alpha", "alpha-nodedown", "alpha-nodeoffline", "beta"] {
        let server = serving(&format!("{name}/instances-bulk")).await;
        for instance in server.client().instances().await.unwrap() {
            states.insert(instance.status.unwrap());
        }
    }
    for state in ["running", "ADMIN_down", "ADMIN_offline", "ERROR_nodedown", "ERROR_nodeoffline"] {
        assert!(states.contains(state), "{state} in {states:?}");
    }
    for name in ["alpha-nodedown", "alpha-nodeoffline"] {
        let nodes = serving(&format!("{name}/nodes-bulk")).await.client().nodes().await.unwrap();
        let gone = nodes.iter().find(|node| node.name == "node3.alpha.lab.test").unwrap();
        assert_eq!((gone.mfree, gone.mtotal, gone.ctotal), (None, None, None), "{name}");
    }
}

#[tokio::test]
async fn nodes_groups_and_networks_are_read() {
    let nodes = serving("alpha/nodes-bulk").await.client().nodes().await.unwrap();
    let node =
        serving("alpha/node-node1").await.client().node("node1.alpha.lab.test").await.unwrap();
    assert_eq!((nodes.len(), nodes[0].uuid), (3, node.uuid));
    assert_eq!(
        (node.role.as_deref(), node.mtotal, node.ctotal),
        (Some("M"), Some(65536), Some(16))
    );
    assert_eq!(node.tags, ["rack:r1"]);
    let groups = serving("alpha/groups-bulk").await.client().groups().await.unwrap();
    assert_eq!(node.group_uuid, Some(groups[0].uuid));
    assert_eq!((groups[0].node_cnt, groups[0].ctime), (Some(2), None), "time 0 is no time");
    let networks = serving("alpha/networks-bulk").await.client().networks().await.unwrap();
    let lan = networks.iter().find(|network| network.name == "lan").unwrap();
    assert_eq!(lan.group_list[0].group, "default");
    assert_eq!(
        (lan.group_list[0].link.as_deref(), lan.group_list[0].vlan.as_deref()),
        (Some("br0"), None)
    );
}

#[tokio::test]
async fn all_kinds_of_console_are_read() {
    let read = async |name: &str| {
        serving(&format!("alpha/instance-{name}-console"))
            .await
            .client()
            .console(name)
            .await
            .unwrap()
    };
    let vnc = read("vnc1").await;
    assert_eq!(
        (vnc.kind, vnc.host.as_deref(), vnc.port),
        (ConsoleKind::Vnc, Some("0.0.0.0"), Some(11001))
    );
    assert_eq!(vnc.display.as_deref(), Some("5101"));
    let ssh = read("serial1").await;
    assert_eq!(
        (ssh.kind, ssh.user.as_deref(), ssh.command.len()),
        (ConsoleKind::Ssh, Some("root"), 6)
    );
    assert_eq!(read("spice1").await.kind, ConsoleKind::Spice);
    let none = read("web1").await;
    assert_eq!(none.kind, ConsoleKind::Message);
    assert!(none.message.unwrap().contains("fake"));
}

#[tokio::test]
async fn display_as_a_number_and_an_unknown_kind_are_read() {
    let server =
        Server::start(|_| Reply::json(200, r#"{"kind": "rdp", "display": 5101, "port": 3389}"#))
            .await;
    let console = server.client().console("x").await.unwrap();
    assert_eq!(console.kind, ConsoleKind::Other("rdp".to_owned()));
    assert_eq!(console.display.as_deref(), Some("5101"));
}

#[tokio::test]
async fn query_cells_are_read_by_type() {
    type Row = (Cell<String>, Cell<String>, Cell<String>);
    let server = serving("alpha/query-instance-filter").await;
    let rows: Vec<Row> = server
        .client()
        .query(Resource::Instance, &["name", "status", "pnode"], None)
        .await
        .unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0].0.value.as_deref(), Some("web1.alpha.lab.test"));
    assert_eq!(server.requests()[0].line(), "PUT /2/query/instance HTTP/1.1");
    assert_eq!(server.requests()[0].body, r#"{"fields":["name","status","pnode"]}"#);
    let server = serving("alpha/err-query-badfield").await;
    let rows: Vec<(Cell<String>, Cell<String>)> =
        server.client().query(Resource::Instance, &["name", "nosuch"], None).await.unwrap();
    assert_eq!(rows[0].1.status, CellStatus::Unknown);
}

#[tokio::test]
async fn unknown_missing_and_null_fields_are_survived() {
    let bare = r#"[{"uuid": "00000000-0000-0000-0000-000000000001", "name": "a", "tags": null, "nic.ips": null,
        "beparams": null, "hvparams": null, "from_the_future": {"x": [1, 2.5, null]}}]"#;
    let server = Server::start(move |_| Reply::json(200, bare)).await;
    let instance = &server.client().instances().await.unwrap()[0];
    assert!(instance.tags.is_empty() && instance.hvparams.is_empty() && instance.status.is_none());
    let node = server.client().nodes_bulk_raw().await.unwrap().parse::<Node>().unwrap().remove(0);
    assert_eq!((node.mfree, node.role), (None, None));
    let kept = instance.hvparams.as_json();
    assert_eq!(kept, "{}");
}

#[tokio::test]
async fn a_list_with_an_object_without_uuid_is_no_list() {
    let server = Server::start(|_| Reply::json(200, r#"[{"name": "a"}]"#)).await;
    let bulk = server.client().instances_bulk_raw().await.unwrap();
    assert_eq!(bulk.objects().unwrap_err().code(), "rapi_protocol");
    for body in [r#"{"code": 1}"#, "null", "[] trailing", "[{}"] {
        let server = Server::start(move |_| Reply::json(200, body)).await;
        let bulk = server.client().instances_bulk_raw().await.unwrap();
        assert_eq!(bulk.slices().unwrap_err().code(), "rapi_protocol", "{body}");
    }
}

#[tokio::test]
async fn reads_ask_what_the_recorder_asked() {
    for name in [
        "version",
        "info",
        "features",
        "instances-bulk",
        "nodes-bulk",
        "groups-bulk",
        "networks-bulk",
        "jobs-bulk",
        "jobs",
    ] {
        let server = serving(&format!("alpha/{name}")).await;
        let client = server.client();
        match name {
            "version" => {
                client.version().await.unwrap();
            }
            "info" => drop(client.info().await.unwrap()),
            "features" => drop(client.features().await.unwrap()),
            "instances-bulk" => drop(client.instances().await.unwrap()),
            "nodes-bulk" => drop(client.nodes().await.unwrap()),
            "groups-bulk" => drop(client.groups().await.unwrap()),
            "networks-bulk" => drop(client.networks().await.unwrap()),
            "jobs-bulk" => drop(client.jobs().await.unwrap()),
            _ => {
                client.last_job_id().await.unwrap();
            }
        }
        let recorded = load(&format!("alpha/{name}")).request;
        assert_eq!(
            server.requests()[0].line(),
            format!("{} {} HTTP/1.1", recorded.method, recorded.path)
        );
    }
}
