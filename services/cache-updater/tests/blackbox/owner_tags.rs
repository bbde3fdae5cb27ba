//! Which owner tags job-runner is told to change, and when none.

use gwm_proto::cache::owner_tags_client::OwnerTagsClient;
use gwm_proto::cache::{
    Cluster, GetClusterRequest, Instance, NextOwnerTagsRequest, OwnerTagChange, OwnerTagState,
    UpdateClusterRequest,
};
use gwm_rapi_sim::{Outside, SimConfig};
use gwm_testkit::wait_for;
use tonic::{Code, Status};

use crate::auth::Person;
use crate::world::{PATIENCE, Replica, World, object, reason};

const ZOE: &str = "0198c1d2-7a10-7000-8000-0000000000aa";
const LAB: &str = "gwm:lab:owner:";

async fn edit(
    world: &World,
    replica: &Replica,
    change: impl FnOnce(&mut UpdateClusterRequest),
) -> Result<Cluster, Status> {
    let mut request = UpdateClusterRequest { cluster: "one".to_owned(), ..Default::default() };
    change(&mut request);
    Ok(replica.clusters().update_cluster(world.admin.ask(request)).await?.into_inner())
}

async fn set(world: &World, replica: &Replica, mode: &str) -> Result<Cluster, Status> {
    edit(world, replica, |r| r.owner_tags = mode.to_owned()).await
}

async fn state(replica: &Replica, person: &Person) -> Result<OwnerTagState, Status> {
    let request = person.ask(GetClusterRequest { cluster: "one".to_owned() });
    Ok(OwnerTagsClient::new(replica.gateway()).get_owner_tags(request).await?.into_inner())
}

/// All that is to be done, as job-runner would hear of it: one instance after another.
async fn due(replica: &Replica) -> Vec<(String, bool, Vec<String>)> {
    let mut asked = NextOwnerTagsRequest::default();
    let mut all = Vec::new();
    loop {
        let answer = replica.internal().next_owner_tags(asked.clone()).await.unwrap().into_inner();
        let [change]: [OwnerTagChange; 1] = match answer.changes.try_into() {
            Ok(one) => one,
            Err(none) => {
                assert_eq!(none, [], "one a cluster at most");
                all.sort();
                return all;
            }
        };
        asked.skip.push(gwm_proto::common::ObjectRef {
            kind: "instance".to_owned(),
            cluster_id: change.cluster_id,
            uuid: change.uuid,
        });
        all.push((change.name, change.add, change.tags));
    }
}

async fn until_due(replica: &Replica, expected: &[(&Instance, bool, &str)]) {
    let mut expected: Vec<(String, bool, Vec<String>)> = expected
        .iter()
        .map(|(instance, add, tag)| (instance.name.clone(), *add, vec![(*tag).to_owned()]))
        .collect();
    expected.sort();
    wait_for("what is to be done", PATIENCE, async || {
        let due = due(replica).await;
        if due == expected { Ok(()) } else { Err(format!("{due:?}")) }
    })
    .await;
}

/// As somebody does on Ganeti's command line.
async fn tag(world: &World, instance: &Instance, add: &[&str], remove: &[&str]) {
    let owned = |tags: &[&str]| tags.iter().map(|&tag| tag.to_owned()).collect();
    let instance = instance.name.clone();
    let tag = Outside::Tag { instance, add: owned(add), remove: owned(remove) };
    world.cluster().outside(tag).await.unwrap();
}

#[tokio::test]
async fn tags_are_compared_where_that_is_switched_on_and_nowhere_else() {
    let installation = [("OWNER_TAGS__INSTALLATION", "lab")];
    let world = World::with(SimConfig::single("sim1.example.org"), &installation).await;
    world.auth.owners.number("first");
    let replica = world.replica("a").await;
    let cluster = world.add(&replica).await;
    assert_eq!(cluster.owner_tags, "off");
    let all = world.list(&replica, "").await.instances;
    let [carla, zoe, mallory, right] = &all[..4] else { panic!("{all:?}") };
    world.auth.owners.set_by_id(carla, "user/carla", "0198c1d2-7a10-7000-8000-000000000001");
    // Not a name that gwm takes today; a directory may hold such.
    world.auth.owners.set_by_id(zoe, "user/Zoë", ZOE);
    world.auth.owners.set_by_id(right, "user/dora", "0198c1d2-7a10-7000-8000-000000000003");
    let forged = format!("{LAB}user/mallory");
    let foreign = ["gwm:other:owner:user/x", "site:fra", "gwm:lab:note", "owner:mallory"];
    tag(&world, mallory, &[&[forged.as_str()], &foreign[..]].concat(), &[]).await;
    tag(&world, right, &[&format!("{LAB}user/dora")], &[]).await;
    let seen = wait_for("the tags and owners to be seen", PATIENCE, async || {
        let seen = state(&replica, &world.admin).await.unwrap();
        if (seen.owned, seen.tagged) == (3, 2) { Ok(seen) } else { Err(format!("{seen:?}")) }
    })
    .await;
    assert_eq!((seen.mode.as_str(), seen.prefix.as_str(), seen.to_do), ("off", LAB, 0));
    assert_eq!(due(&replica).await, [], "off is off");

    assert_eq!(set(&world, &replica, "on").await.unwrap_err().code(), Code::InvalidArgument);
    let person = world.person(&replica, "view", object("cluster", &cluster, "")).await;
    assert_eq!(state(&replica, &person).await.unwrap_err().code(), Code::PermissionDenied);
    let told = replica.trespass().next_owner_tags(NextOwnerTagsRequest::default()).await;
    assert_eq!(told.unwrap_err().code(), Code::PermissionDenied, "for job-runner alone");

    assert_eq!(set(&world, &replica, "write").await.unwrap().owner_tags, "write");
    let events = world.events().await;
    let switched = |e: &serde_json::Value| e["data"]["changed"]["owner_tags"] == "off";
    let told = events.iter().filter(|(kind, e)| kind == "cluster.changed" && switched(e)).count();
    assert_eq!(told, 1, "the switch is told once");
    let wanted = [
        (carla, true, format!("{LAB}user/carla")),
        (zoe, true, format!("{LAB}user-id/{ZOE}")),
        (mallory, false, forged.clone()),
    ];
    let wanted = wanted.each_ref().map(|(instance, add, tag)| (*instance, *add, tag.as_str()));
    until_due(&replica, &wanted).await;
    let seen = state(&replica, &world.admin).await.unwrap();
    assert_eq!((seen.owned, seen.tagged, seen.to_do), (3, 2, 3), "{seen:?}");
    assert_eq!(seen.held_up, "");

    // A tag gives nobody anything.
    assert!(world.list(&replica, "owner:mallory").await.instances.is_empty());
    let seen = world.instance(&replica, &mallory.uuid).await.unwrap().instance.unwrap();
    assert_eq!(seen.owner, "");

    let only = |instance: &Instance| NextOwnerTagsRequest {
        only: Some(object("instance", &cluster, &instance.uuid)),
        ..Default::default()
    };
    let ask = async |request| replica.internal().next_owner_tags(request).await.unwrap();
    assert_eq!(ask(only(carla)).await.into_inner().changes[0].name, carla.name);
    assert!(ask(only(right)).await.into_inner().changes.is_empty());
    let skip_clusters = vec![cluster.cluster_id.clone()];
    let elsewhere = NextOwnerTagsRequest { skip_clusters, ..Default::default() };
    assert!(ask(elsewhere).await.into_inner().changes.is_empty());

    // Left alone in whatever way: nothing is to be done now, and why is said.
    edit(&world, &replica, |r| r.paused = Some(true)).await.unwrap();
    assert_eq!(due(&replica).await, []);
    let seen = state(&replica, &world.admin).await.unwrap();
    assert_eq!((seen.to_do, seen.held_up.as_str()), (3, "the cluster is paused"));
    edit(&world, &replica, |r| r.paused = Some(false)).await.unwrap();
    until_due(&replica, &wanted).await;
    edit(&world, &replica, |r| r.read_only = Some(true)).await.unwrap();
    assert_eq!(due(&replica).await, []);
    edit(&world, &replica, |r| r.read_only = Some(false)).await.unwrap();
    until_due(&replica, &wanted).await;
    world.cluster().refuse_connections();
    until_due(&replica, &[]).await;
    world.cluster().listen_again().await.unwrap();
    until_due(&replica, &wanted).await;

    // Put right by whomever: seen, and done with. Another owner: the old tag goes first.
    tag(&world, carla, &[&format!("{LAB}user/carla")], &[]).await;
    until_due(&replica, &wanted[1..]).await;
    world.auth.owners.set_by_id(carla, "user/zora", "0198c1d2-7a10-7000-8000-000000000005");
    let old = format!("{LAB}user/carla");
    until_due(&replica, &[(carla, false, &old), wanted[1], wanted[2]]).await;
    tag(&world, carla, &[], &[&old]).await;
    let new = format!("{LAB}user/zora");
    until_due(&replica, &[(carla, true, &new), wanted[1], wanted[2]]).await;
    // Nobody's any more.
    tag(&world, carla, &[&new], &[]).await;
    until_due(&replica, &wanted[1..]).await;
    world.auth.owners.set_by_id(carla, "", "");
    until_due(&replica, &[(carla, false, &new), wanted[1], wanted[2]]).await;

    // Taken away: ours, all of them, and no others.
    set(&world, &replica, "remove").await.unwrap();
    let dora = format!("{LAB}user/dora");
    until_due(&replica, &[(carla, false, &new), (mallory, false, &forged), (right, false, &dora)])
        .await;
    set(&world, &replica, "off").await.unwrap();
    assert_eq!(due(&replica).await, []);
}

#[tokio::test]
async fn no_tag_goes_before_auth_has_told_all_owners() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    world.add(&replica).await;
    // The installation has a name of its own that nobody gave it.
    let prefix = state(&replica, &world.admin).await.unwrap().prefix;
    let name = prefix.strip_prefix("gwm:").unwrap().strip_suffix(":owner:").unwrap();
    assert!(name.len() == 8 && name.bytes().all(|b| b.is_ascii_hexdigit()), "{prefix}");

    let first = world.list(&replica, "").await.instances[0].clone();
    let left = format!("{prefix}user/carla");
    tag(&world, &first, &[&left], &[]).await;
    set(&world, &replica, "write").await.unwrap();
    wait_for("the tag to be seen", PATIENCE, async || {
        let seen = state(&replica, &world.admin).await.unwrap();
        let held_up = "the owners are being read from auth";
        let held = (seen.tagged, seen.to_do, seen.held_up.as_str()) == (1, 1, held_up);
        if held { Ok(()) } else { Err(format!("{seen:?}")) }
    })
    .await;
    assert_eq!(due(&replica).await, [], "it may be right, for all that is known");
    world.auth.owners.number("first");
    until_due(&replica, &[(&first, false, &left)]).await;

    let request =
        NextOwnerTagsRequest { skip_clusters: vec!["x".to_owned()], ..Default::default() };
    let refused = replica.internal().next_owner_tags(request).await.unwrap_err();
    assert_eq!(reason(&refused), "invalid_argument");
}
