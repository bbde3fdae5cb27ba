//! Whose SSH keys a script gets while an instance is being made.

use gwm_kernel::grpc::Peer;
use gwm_proto::auth::ownership_client::OwnershipClient;
use gwm_proto::auth::ssh_keys_client::SshKeysClient;
use gwm_proto::auth::{AddSshKeyRequest, ExportSshKeysRequest, ReleaseRequest, ReleasedJob, Sizes};
use gwm_proto::common::ObjectRef;
use gwm_testkit::wait_for;
use tonic::{Code, Status};

use crate::quotas::{create, group, id, release, reserve, settle, sizes};
use crate::world::{PATIENCE, Person, World, admin, cluster_of, grant, instance, user_person};

const KEYS: [&str; 3] = [
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKF5shemlAwkL+HRXJBdCmJ8a8d8yhHj6XFkwmM2dYcg",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINwiCaVsLzp6EKMuFPj9EJOQbY7H1ZSoDOAFfJ0qpP3x",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ4wnyPHhTEPhQhGJgXv0pGJZcN0AhEm5sr3Y1R0Q6Kd",
];

async fn add(gateway: &Peer, who: &Person, key: &str) {
    let request = AddSshKeyRequest { name: String::new(), public_key: key.to_owned() };
    SshKeysClient::new(gateway.clone()).add_ssh_key(who.ask(request)).await.unwrap();
}

/// Whose keys there are, by this name.
async fn keys_of(
    gateway: &Peer,
    who: &Person,
    object: &ObjectRef,
    administrators: bool,
) -> Result<Vec<String>, Status> {
    let request = ExportSshKeysRequest {
        object: Some(object.clone()),
        administrators,
        instance_name: "NEW1".to_owned(),
    };
    let answer = SshKeysClient::new(gateway.clone()).export_ssh_keys(who.ask(request)).await?;
    Ok(answer.into_inner().keys.into_iter().map(|key| key.username).collect())
}

#[tokio::test]
async fn while_an_instance_is_being_made_the_keys_are_those_of_who_makes_it() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    let jobs = world.peer(&replica, "job-runner").await;
    let admin = admin(&gateway).await;
    let ann = user_person(&gateway, &admin, "ann").await;
    let bob = user_person(&gateway, &admin, "bob").await;
    let script = user_person(&gateway, &admin, "script").await;
    for (who, key) in [&ann, &bob, &admin].into_iter().zip(KEYS) {
        add(&gateway, who, key).await;
    }
    let made = instance();
    let cluster = cluster_of(&made);
    grant(&gateway, &admin, "script", "read_keys", &cluster).await.unwrap();
    let none = wait_for("the right to arrive", PATIENCE, async || {
        let refused = keys_of(&gateway, &script, &cluster, false).await.unwrap_err();
        if refused.message().contains("instance") { Ok(refused) } else { Err(refused) }
    })
    .await;
    assert_eq!(none.code(), Code::NotFound, "nobody makes it");

    // Before the inventory has it, by its name; then by its UUID too. It is nobody's yet.
    let anns = create((&ann.user_id(), ""), &cluster.cluster_id, sizes(1, 1, 1));
    reserve(&jobs, &anns).await.unwrap();
    for object in [&cluster, &made] {
        assert_eq!(keys_of(&gateway, &script, object, false).await.unwrap(), ["ann"]);
    }
    let stranger = keys_of(&gateway, &bob, &cluster, false).await.unwrap_err();
    assert_eq!(stranger.code(), Code::NotFound);
    let unseen = keys_of(&gateway, &ann, &cluster, false).await.unwrap_err();
    assert_eq!(unseen.code(), Code::NotFound, "making one lends nobody the keys");
    let other = ObjectRef { cluster_id: id(), ..cluster.clone() };
    let other = keys_of(&gateway, &admin, &other, false).await.unwrap_err();
    assert_eq!(other.code(), Code::NotFound, "the same name elsewhere is another one");

    // Who asks for a name that is being made already gets nobody's keys onto it.
    let bobs = create((&bob.user_id(), ""), &cluster.cluster_id, sizes(1, 1, 1));
    reserve(&jobs, &bobs).await.unwrap();
    let nobody: [&str; 0] = [];
    for object in [&cluster, &made] {
        assert_eq!(keys_of(&gateway, &script, object, false).await.unwrap(), nobody);
    }
    release(&jobs, &bobs.job_id, "").await;
    assert_eq!(keys_of(&gateway, &script, &made, false).await.unwrap(), ["ann"]);
    release(&jobs, &anns.job_id, "").await;

    // A group's members; an administrator who acts as themself only when asked for.
    let shop = group(&gateway, &admin, "shop", "bob").await;
    let shops = create((&ann.user_id(), &shop), &cluster.cluster_id, sizes(1, 1, 1));
    reserve(&jobs, &shops).await.unwrap();
    assert_eq!(keys_of(&gateway, &script, &made, false).await.unwrap(), ["bob"]);
    release(&jobs, &shops.job_id, "").await;
    let admins = create((&admin.user_id(), ""), &cluster.cluster_id, sizes(1, 1, 1));
    reserve(&jobs, &admins).await.unwrap();
    assert_eq!(keys_of(&gateway, &script, &made, false).await.unwrap(), nobody);
    assert_eq!(keys_of(&gateway, &script, &made, true).await.unwrap(), ["admin"]);
    release(&jobs, &admins.job_id, "").await;

    // Made, it goes by rights.
    reserve(&jobs, &anns).await.unwrap();
    let settled = settle(&jobs, &anns).await;
    wait_for("the right to what was made", PATIENCE, async || {
        let keys = keys_of(&gateway, &script, &settled, false).await.unwrap();
        if keys == ["ann"] { Ok(()) } else { Err(format!("{keys:?}")) }
    })
    .await;

    // What is somebody's, or was there before, is not what a job of that name makes.
    let squats = || create((&bob.user_id(), ""), &cluster.cluster_id, sizes(1, 1, 1));
    let squat = squats();
    reserve(&jobs, &squat).await.unwrap();
    assert_eq!(keys_of(&gateway, &script, &settled, false).await.unwrap(), ["ann"]);
    release(&jobs, &squat.job_id, "").await;
    let old = instance();
    let old = ObjectRef { cluster_id: cluster.cluster_id.clone(), ..old };
    tell_of(&jobs, &old).await;
    reserve(&jobs, &squats()).await.unwrap();
    assert_eq!(keys_of(&gateway, &script, &old, false).await.unwrap(), nobody);
    let new = ObjectRef { uuid: id(), ..old };
    assert_eq!(keys_of(&gateway, &script, &new, false).await.unwrap(), ["bob"]);
}

/// From now on the instance is known of.
async fn tell_of(jobs: &Peer, instance: &ObjectRef) {
    let read = ReleasedJob {
        job_id: id(),
        cluster_id: instance.cluster_id.clone(),
        instance_uuid: instance.uuid.clone(),
        now: Some(Sizes { admin_up: false, ..sizes(1, 1, 1) }),
        ..ReleasedJob::default()
    };
    let request = ReleaseRequest { jobs: vec![read] };
    OwnershipClient::new(jobs.clone()).release(request).await.unwrap();
}
