//! auth follows what instances take.

use std::collections::HashMap;

use gwm_proto::cache::usage_client::UsageClient;
use gwm_proto::cache::{InstanceUsage, WatchUsageRequest, WatchUsageResponse};
use gwm_rapi_sim::Admin;
use tokio::time::timeout;
use tonic::{Code, Streaming};

use crate::world::{PATIENCE, World};

/// Reads on until it is as wanted; yields the last that was told of each instance, and whether all of it was whole.
async fn until(
    stream: &mut Streaming<WatchUsageResponse>,
    told: &mut HashMap<String, InstanceUsage>,
    is: impl Fn(&HashMap<String, InstanceUsage>, &WatchUsageResponse) -> bool,
) {
    let read = async {
        loop {
            let message = stream.message().await.unwrap().expect("the stream goes on");
            for usage in message.instances.clone() {
                told.insert(usage.uuid.clone(), usage);
            }
            if is(told, &message) {
                return;
            }
        }
    };
    timeout(PATIENCE, read).await.unwrap();
}

#[tokio::test]
async fn auth_hears_what_all_instances_take_and_then_each_change() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    world.add(&replica).await;
    world.polled(&replica).await;
    let stranger = UsageClient::new(world.peer(&replica.url, "web-gateway").await);
    let refused = stranger.clone().watch_usage(WatchUsageRequest {}).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);

    let mut client = UsageClient::new(world.peer(&replica.url, "auth").await);
    let mut stream = client.watch_usage(WatchUsageRequest {}).await.unwrap().into_inner();
    let mut told = HashMap::new();
    until(&mut stream, &mut told, |_, message| message.whole && message.last).await;
    let there = world.cluster().look(|c| c.instances.len());
    assert_eq!(told.len(), there);
    for usage in told.values() {
        let sim = world.cluster().look(|c| {
            c.instances
                .values()
                .find(|i| i.uuid == usage.uuid)
                .map(|i| (i.admin == Admin::Up, i.disks.iter().map(|disk| disk.size).sum::<u64>()))
        });
        assert_eq!(
            Some((usage.admin_up, usage.disk_mib)),
            sim,
            "the guest's disks, once: {usage:?}"
        );
    }

    // What is stopped on the command line is told, with a newer revision; what stays the same is not.
    let (uuid, name) = world.cluster().look(|c| {
        let running = c.instances.values().find(|i| i.admin == Admin::Up).unwrap();
        (running.uuid.clone(), running.name.clone())
    });
    let before = told.remove(&uuid).unwrap();
    let mut changed = HashMap::new();
    world.cluster().edit(|c| {
        let instance = c.instances.values_mut().find(|i| i.name == name).unwrap();
        (instance.admin, instance.running_on) = (Admin::Down, None);
    });
    until(&mut stream, &mut changed, |told, _| told.get(&uuid).is_some_and(|u| !u.admin_up)).await;
    assert!(changed[&uuid].revision > before.revision);
    assert_eq!(changed.len(), 1, "{changed:?}");
}
