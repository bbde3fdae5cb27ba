use gwm_rapi_sim::{NewInstance, Outside};

use crate::{ask, quick};

#[tokio::test]
async fn changes_from_outside_are_seen_and_leave_the_command_lines_trail() {
    let sim = quick().await;
    let c = &sim.clusters()[0];
    let running = |c: &gwm_rapi_sim::Cluster| {
        let found = c.instances.values().find(|i| c.status(i) == "running");
        found.unwrap().name.clone()
    };
    let name = c.look(running);
    let uuid = c.instance(&name).unwrap().uuid;
    let instance = || name.clone();
    let job = c.outside(Outside::Stop { instance: instance() }).await.unwrap().unwrap();
    assert_eq!(c.status(&name), Some("ADMIN_down"));
    let trail = c.job(job).unwrap()["ops"][0]["reason"][0].clone();
    assert_eq!(
        (trail[0].as_str(), trail[1].as_str()),
        (Some("gnt:client:gnt-instance"), Some("shutdown"))
    );
    c.outside(Outside::Start { instance: instance() }).await.unwrap();
    c.outside(Outside::Crash { instance: instance() }).await.unwrap();
    assert_eq!(c.status(&name), Some("ERROR_down"));
    let tags = vec!["seen".to_owned()];
    c.outside(Outside::Tag { instance: instance(), add: tags, remove: vec![] }).await.unwrap();
    assert!(c.instance(&name).unwrap().tags.contains("seen"));
    c.outside(Outside::Recreate { instance: instance() }).await.unwrap();
    assert_ne!(c.instance(&name).unwrap().uuid, uuid);
    c.outside(Outside::Remove { instance: instance() }).await.unwrap();
    assert_eq!(ask(c, "GET", &format!("/2/instances/{name}"), None).await.status, 404);
    let unknown = Outside::Crash { instance: instance() };
    assert!(c.outside(unknown).await.is_err());
    sim.stop().await;
}

#[tokio::test]
async fn a_console_port_is_reused_after_a_removal() {
    let sim = quick().await;
    let c = &sim.clusters()[0];
    let (name, port) = c.look(|c| {
        let first = c.instances.values().next().unwrap();
        (first.name.clone(), first.network_port)
    });
    c.outside(Outside::Remove { instance: name.clone() }).await.unwrap();
    let new = NewInstance {
        instance: format!("new1.{}", c.name()),
        disk_template: "plain".to_owned(),
        disks: vec![1024],
        memory: 512,
        start: true,
    };
    c.outside(Outside::Create(new.clone())).await.unwrap();
    let made = c.instance(&new.instance).unwrap();
    assert_eq!(made.network_port, port);
    assert_eq!(c.status(&new.instance), Some("running"));
    sim.stop().await;
}

#[tokio::test]
async fn a_node_that_is_down_hides_live_figures() {
    let sim = quick().await;
    let c = &sim.clusters()[0];
    let node = format!("node2.{}", c.name());
    c.outside(Outside::NodeDown { node: node.clone(), down: true }).await.unwrap();
    let shown = ask(c, "GET", &format!("/2/nodes/{node}"), None).await.body;
    assert!(shown["mfree"].is_null() && shown["offline"] == false, "{shown}");
    let there = c.look(|c| c.primaries(&node).next().unwrap().name.clone());
    assert_eq!(c.status(&there), Some("ERROR_nodedown"));
    c.outside(Outside::NodeDown { node: node.clone(), down: false }).await.unwrap();
    c.outside(Outside::NodeOffline { node: node.clone(), offline: true }).await.unwrap();
    assert_eq!(c.status(&there), Some("ERROR_nodeoffline"));
    sim.stop().await;
}
