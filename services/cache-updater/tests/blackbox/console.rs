use gwm_proto::cache::ResolveConsoleRequest;
use gwm_rapi_sim::Outside;

use crate::world::{World, object, reason};

#[tokio::test]
async fn a_console_is_where_the_live_instance_is_and_for_the_proxy_only() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let cluster = world.add(&replica).await;
    let running = world.list(&replica, "status:running").await.instances;
    let mut found = None;
    for instance in &running {
        let detail = world.instance(&replica, &instance.uuid).await.unwrap();
        let console = detail.console.unwrap();
        assert_eq!(console.kinds.is_empty(), !console.problem.is_empty(), "{console:?}");
        if console.problem.is_empty() {
            found = Some(instance.clone());
        }
    }
    let instance = found.expect("the simulator has an instance with VNC");
    let ask = ResolveConsoleRequest {
        instance: Some(object("instance", &cluster, &instance.uuid)),
        kind: "vnc".to_owned(),
    };
    let resolved = replica.console().resolve_console(ask.clone()).await.unwrap().into_inner();
    let real = world.cluster().instance(&instance.name).unwrap();
    assert_eq!(resolved.port, u32::from(real.network_port.unwrap()));
    assert_eq!(resolved.vnc_password, "vncpass1");
    assert_eq!(resolved.primary_node, instance.primary_node);
    assert!(resolved.host.parse::<std::net::IpAddr>().is_ok(), "{}", resolved.host);

    let trespass = replica.trespass().resolve_console(ask.clone()).await.unwrap_err();
    assert_eq!(reason(&trespass), "caller_not_allowed");
    let trespass = replica.internal().resolve_console(ask.clone()).await.unwrap_err();
    assert_eq!(reason(&trespass), "caller_not_allowed");

    world.cluster().outside(Outside::Stop { instance: instance.name.clone() }).await.unwrap();
    let stopped = replica.console().resolve_console(ask.clone()).await.unwrap_err();
    assert_eq!(reason(&stopped), "console_not_running");
    // The same name, another object: nothing is opened (rule 5).
    world.cluster().outside(Outside::Recreate { instance: instance.name.clone() }).await.unwrap();
    let replaced = replica.console().resolve_console(ask).await.unwrap_err();
    let reason = reason(&replaced);
    assert!(reason == "object_replaced" || reason == "not_found", "{reason}");
}
