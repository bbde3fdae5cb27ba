use std::collections::BTreeMap;

use gwm_kernel::grpc::Peer;
use gwm_proto::auth::owners_client::OwnersClient;
use gwm_proto::auth::{
    ListOwnersRequest, OwnerLine, Presence, RestoreRightsRequest, SetOwnersRequest,
    SetOwnersResponse, TellPresenceRequest, WatchOwnersRequest, WatchOwnersResponse,
};
use gwm_proto::common::ObjectRef;
use gwm_testkit::wait_for;
use sqlx::PgPool;
use tonic::{Code, Status};

use crate::watch::Watching;
use crate::world::{
    PATIENCE, Person, Replica, World, admin, grant, instance, reason, user, user_person,
};

struct Stage {
    world: World,
    replica: Replica,
    gateway: Peer,
    cache: Peer,
    admin: Person,
    pool: PgPool,
}

impl Stage {
    async fn start() -> Self {
        let world = World::new().await;
        let replica = world.replica("a").await;
        let gateway = world.gateway(&replica).await;
        let cache = world.peer(&replica, "cache-updater").await;
        let admin = admin(&gateway).await;
        let pool = world.pool().await;
        Self { world, replica, gateway, cache, admin, pool }
    }

    async fn set(&self, request: SetOwnersRequest) -> Result<SetOwnersResponse, Status> {
        let mut owners = OwnersClient::new(self.gateway.clone());
        // As web-gateway allows it: ten thousand lines take their time.
        let mut request = self.admin.ask(request);
        request.set_timeout(std::time::Duration::from_secs(60));
        Ok(owners.set_owners(request).await?.into_inner())
    }

    async fn tell(&self, news: &[(&str, &ObjectRef)]) {
        let news = news
            .iter()
            .map(|(what, object)| Presence {
                what: (*what).to_owned(),
                cluster_id: object.cluster_id.clone(),
                uuid: object.uuid.clone(),
                ..Presence::default()
            })
            .collect();
        let mut owners = OwnersClient::new(self.cache.clone());
        owners.tell_presence(TellPresenceRequest { news }).await.unwrap();
    }

    /// Owner, grants and kept grants (`user:role`) of an instance.
    async fn look(&self, object: &ObjectRef) -> (String, Vec<String>, Vec<String>) {
        let request = ListOwnersRequest { instances: vec![object.clone()] };
        let mut owners = OwnersClient::new(self.gateway.clone());
        let answer = owners.list_owners(self.admin.ask(request)).await.unwrap().into_inner();
        let one = answer.instances.into_iter().next().unwrap();
        let words = |grants: Vec<gwm_proto::auth::Grant>| {
            grants.into_iter().map(|g| format!("{}:{}", g.persona_name, g.role)).collect()
        };
        (one.owner.map(|o| o.name).unwrap_or_default(), words(one.grants), words(one.kept))
    }

    async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.pool).await.unwrap()
    }
}

fn line(object: &ObjectRef, owner: &str, role: &str) -> OwnerLine {
    OwnerLine {
        instance: Some(object.clone()),
        cluster: "fra1".to_owned(),
        name: "web1".to_owned(),
        owner: owner.to_owned(),
        role: role.to_owned(),
        remove_former_grants: false,
    }
}

fn lines(lines: Vec<OwnerLine>) -> SetOwnersRequest {
    SetOwnersRequest { lines, source: "test".to_owned(), ..Default::default() }
}

fn words(answer: &SetOwnersResponse) -> Vec<&str> {
    let word = |o: &gwm_proto::auth::OwnerOutcome| o.outcome == "refused";
    answer.outcomes.iter().map(|o| if word(o) { &*o.code } else { &*o.outcome }).collect()
}

#[tokio::test]
async fn all_lines_are_done_or_none_and_again_is_nothing() {
    let stage = Stage::start().await;
    user(&stage.gateway, &stage.admin, "carla").await;
    user(&stage.gateway, &stage.admin, "dora").await;
    let objects: Vec<ObjectRef> = (0..3).map(|_| instance()).collect();

    let mut bad = lines(vec![
        line(&objects[0], "carla", "admin"),
        line(&objects[1], "nobody", "admin"),
        line(&objects[0], "dora", ""),
    ]);
    let answer = stage.set(bad.clone()).await.unwrap();
    assert_eq!(words(&answer), ["set", "unknown_user", "twice"]);
    assert!(!answer.done && answer.run_id.is_empty());
    let untouched =
        "select (select count(*) from instance_owner) + (select count(*) from permission_grant)";
    assert_eq!(stage.count(untouched).await, 0);

    bad.lines.truncate(1);
    bad.dry_run = true;
    assert_eq!(words(&stage.set(bad).await.unwrap()), ["set"]);
    assert_eq!(stage.count(untouched).await, 0, "a dry run does nothing");

    let good = lines(objects.iter().map(|o| line(o, "user/carla", "admin")).collect());
    let answer = stage.set(good.clone()).await.unwrap();
    assert_eq!((answer.done, answer.changed), (true, 3));
    let carla = ("carla".to_owned(), vec!["carla:admin".to_owned()], vec![]);
    assert_eq!(stage.look(&objects[2]).await, carla);
    let events = stage.count("select count(*) from outbox where class <> 'audit'").await;
    let answer = stage.set(good).await.unwrap();
    assert_eq!((words(&answer), answer.done), (vec!["same"; 3], true));
    let again = stage.count("select count(*) from outbox where class <> 'audit'").await;
    assert_eq!(again, events, "said again it is no change");

    // Adoption refuses what has an owner; a change of owner takes the former's grants if asked.
    let adopt =
        SetOwnersRequest { only_orphans: true, ..lines(vec![line(&objects[0], "dora", "")]) };
    let refused = stage.set(adopt).await.unwrap();
    assert_eq!((words(&refused), &*refused.outcomes[0].former), (vec!["owned"], "user/carla"));
    let mut other = line(&objects[0], "dora", "");
    stage.set(lines(vec![other.clone()])).await.unwrap();
    let given = ("dora".to_owned(), vec!["carla:admin".to_owned()], vec![]);
    assert_eq!(
        stage.look(&objects[0]).await,
        given,
        "owning gives nothing, and losing takes nothing"
    );
    stage.set(lines(vec![line(&objects[0], "carla", "")])).await.unwrap();
    other.remove_former_grants = true;
    let mut back = line(&objects[0], "dora", "console");
    back.remove_former_grants = true;
    stage.set(lines(vec![back])).await.unwrap();
    let given = ("dora".to_owned(), vec!["dora:console".to_owned()], vec![]);
    assert_eq!(stage.look(&objects[0]).await, given);
    stage.set(lines(vec![line(&objects[0], "", "")])).await.unwrap();
    assert_eq!(stage.look(&objects[0]).await.0, "");

    // One record for the run of three, one for each line, and the chain holds.
    assert_eq!(
        stage.count("select count(*) from audit_record where record like '%owner.set_many%'").await,
        1
    );
    assert_eq!(
        stage.count("select count(*) from audit_record where record like '%\"owner.set\"%'").await,
        6
    );
    let broken =
        "select count(*) from (select number, record::json ->> 'previous_hash' as previous,
         lag(hash) over (order by number) as wanted from audit_record) chained
         where previous is distinct from wanted";
    assert_eq!(stage.count(broken).await, 0);
    let numbers = "select max(number) - count(*) from audit_record";
    assert_eq!(stage.count(numbers).await, 0);
}

#[tokio::test]
async fn only_administrators_set_owners_and_nonsense_is_refused() {
    let stage = Stage::start().await;
    let jane = user_person(&stage.gateway, &stage.admin, "jane").await;
    let object = instance();
    let mut owners = OwnersClient::new(stage.gateway.clone());
    let refused =
        owners.set_owners(jane.ask(lines(vec![line(&object, "jane", "")]))).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::PermissionDenied, "permission_denied".into())
    );
    let ask = ListOwnersRequest { instances: vec![object.clone()] };
    assert_eq!(owners.list_owners(jane.ask(ask)).await.unwrap_err().code(), Code::PermissionDenied);
    let cluster = crate::world::cluster_of(&object);
    for bad in [
        lines(vec![]),
        lines(vec![line(&cluster, "jane", "")]),
        lines(vec![line(&object, &"x".repeat(400), "")]),
    ] {
        assert_eq!(stage.set(bad).await.unwrap_err().code(), Code::InvalidArgument);
    }
    let many = lines(vec![line(&object, "jane", ""); 10_001]);
    assert_eq!(stage.set(many).await.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn ten_thousand_lines_are_one_run() {
    let stage = Stage::start().await;
    user(&stage.gateway, &stage.admin, "carla").await;
    let cluster = instance();
    let one = || ObjectRef { uuid: uuid::Uuid::now_v7().to_string(), ..cluster.clone() };
    let asked = lines((0..10_000).map(|_| line(&one(), "carla", "power")).collect());
    let answer = stage.set(asked).await.unwrap();
    assert_eq!((answer.done, answer.changed), (true, 10_000));
    assert_eq!(stage.count("select count(*) from permission_grant").await, 10_000);
    assert_eq!(stage.count("select count(distinct revision) from instance_owner").await, 1);
}

/// A follower as cache-updater is one.
struct Following {
    stream: tonic::Streaming<WatchOwnersResponse>,
    known: (u64, String),
    owners: BTreeMap<String, String>,
    wholes: usize,
    /// Within the parts of everything.
    inside: bool,
}

impl Following {
    async fn start(peer: &Peer, known: (u64, String), owners: BTreeMap<String, String>) -> Self {
        let ask = WatchOwnersRequest { revision: known.0, lineage: known.1.clone() };
        let stream = OwnersClient::new(peer.clone()).watch_owners(ask).await.unwrap().into_inner();
        Self { stream, known, owners, wholes: 0, inside: false }
    }

    async fn next(&mut self) {
        let message = tokio::time::timeout(PATIENCE, self.stream.message()).await;
        let message = message.expect("a message in time").unwrap().expect("it goes on");
        assert!(message.revision >= self.known.0 || message.whole, "numbers never go back");
        if message.whole && !self.inside {
            self.owners.clear();
        }
        self.inside = message.whole && !message.last;
        self.wholes += usize::from(message.whole && message.last);
        for copy in message.owners {
            if copy.owner.is_empty() {
                self.owners.remove(&copy.uuid);
            } else {
                self.owners.insert(copy.uuid, copy.owner);
            }
        }
        if message.last {
            self.known = (message.revision, message.lineage);
        }
    }

    async fn until(&mut self, wanted: impl Fn(&BTreeMap<String, String>) -> bool) {
        let search = async {
            while !wanted(&self.owners) {
                self.next().await;
            }
        };
        tokio::time::timeout(PATIENCE, search).await.expect("it is told in time");
    }
}

#[tokio::test]
async fn a_follower_hears_all_once_and_after_a_break_only_what_it_missed() {
    let stage = Stage::start().await;
    user(&stage.gateway, &stage.admin, "carla").await;
    user(&stage.gateway, &stage.admin, "dora").await;
    let cluster = instance();
    let one = || ObjectRef { uuid: uuid::Uuid::now_v7().to_string(), ..cluster.clone() };
    let objects: Vec<ObjectRef> = (0..2500).map(|_| one()).collect();
    let all = lines(objects.iter().map(|o| line(o, "carla", "")).collect());
    stage.set(all).await.unwrap();
    let mut following = Following::start(&stage.cache, (0, String::new()), BTreeMap::new()).await;
    following.until(|owners| owners.len() == 2500).await;
    assert_eq!(following.wholes, 1);
    stage.set(lines(vec![line(&objects[0], "dora", "")])).await.unwrap();
    let dora =
        |owners: &BTreeMap<String, String>| owners.values().filter(|o| *o == "user/dora").count();
    following.until(|owners| dora(owners) == 1).await;

    // Away while two things happen.
    let (known, owners) = (following.known.clone(), following.owners.clone());
    drop(following);
    stage.set(lines(vec![line(&objects[1], "dora", ""), line(&objects[0], "", "")])).await.unwrap();
    let mut following = Following::start(&stage.cache, known.clone(), owners.clone()).await;
    following.until(|owners| owners.len() == 2499 && dora(owners) == 1).await;
    assert_eq!(following.wholes, 0, "what it knew was not told again");

    // Numbers that mean nothing here: everything is told.
    sqlx::query("update owner_revision set lineage = gen_random_uuid()")
        .execute(&stage.pool)
        .await
        .unwrap();
    let mut anew = Following::start(&stage.cache, known.clone(), owners.clone()).await;
    while anew.wholes == 0 {
        anew.next().await;
    }
    assert_eq!(anew.owners, following.owners);
    // What was cleared long ago is told by leaving it out.
    sqlx::query(
        "update instance_owner set since = now() - interval '31 days' where owner_id is null",
    )
    .execute(&stage.pool)
    .await
    .unwrap();
    drop(stage.replica);
    let second = stage.world.replica("b").await;
    let cache = stage.world.peer(&second, "cache-updater").await;
    wait_for("the purge", PATIENCE, async || {
        let left: i64 =
            sqlx::query_scalar("select count(*) from instance_owner where owner_id is null")
                .fetch_one(&stage.pool)
                .await
                .unwrap();
        if left == 0 { Ok(()) } else { Err(left) }
    })
    .await;
    let lineage = anew.known.1.clone();
    let mut late = Following::start(&cache, (known.0, lineage), owners).await;
    while late.wholes == 0 {
        late.next().await;
    }
    assert_eq!(late.owners, following.owners);
}

#[tokio::test]
async fn owner_and_rights_go_and_come_with_the_instance_and_its_cluster() {
    let stage = Stage::start().await;
    let carla = user(&stage.gateway, &stage.admin, "carla").await;
    let object = instance();
    let cluster = crate::world::cluster_of(&object);
    stage.set(lines(vec![line(&object, "carla", "power")])).await.unwrap();
    grant(&stage.gateway, &stage.admin, "carla", "view", &cluster).await.unwrap();
    let mut watching = Watching::start(&stage.cache).await;
    watching.until_user(&carla.user_id, |u| u.rights.len() == 2).await;

    let power = || vec!["carla:power".to_owned()];
    let gone = ("carla".to_owned(), vec![], power());
    let there = ("carla".to_owned(), power(), vec![]);
    stage.tell(&[("gone", &object)]).await;
    watching.until_user(&carla.user_id, |u| u.rights.len() == 1).await;
    assert_eq!(stage.look(&object).await, gone);
    stage.tell(&[("gone", &object), ("back", &object)]).await;
    watching.until_user(&carla.user_id, |u| u.rights.len() == 2).await;
    assert_eq!(stage.look(&object).await, there);

    // The cluster is removed from gwm, and added again.
    stage.tell(&[("forgotten", &cluster)]).await;
    watching.until_user(&carla.user_id, |u| u.rights.is_empty()).await;
    assert_eq!(stage.look(&object).await, gone);
    stage.tell(&[("added", &cluster)]).await;
    watching.until_user(&carla.user_id, |u| u.rights.len() == 1).await;
    stage.tell(&[("back", &object)]).await;
    watching.until_user(&carla.user_id, |u| u.rights.len() == 2).await;
    assert_eq!(stage.look(&object).await, there);

    // Purging takes what is kept of the gone, and nothing of what is there.
    stage.tell(&[("purged", &object)]).await;
    assert_eq!(stage.look(&object).await, there);
    stage.tell(&[("gone", &object), ("purged", &object), ("back", &object)]).await;
    assert_eq!(stage.look(&object).await, (String::new(), vec![], vec![]));
    stage.tell(&[("forgotten", &cluster), ("purged", &cluster), ("added", &cluster)]).await;
    assert_eq!(stage.count("select count(*) from grant_tombstone").await, 0);
    watching.until_user(&carla.user_id, |u| u.rights.is_empty()).await;
}

#[tokio::test]
async fn rights_of_one_that_is_gone_go_to_one_made_anew_once() {
    let stage = Stage::start().await;
    user(&stage.gateway, &stage.admin, "carla").await;
    user(&stage.gateway, &stage.admin, "dora").await;
    let old = instance();
    let new = ObjectRef { uuid: uuid::Uuid::now_v7().to_string(), ..old.clone() };
    stage.set(lines(vec![line(&old, "carla", "admin")])).await.unwrap();
    grant(&stage.gateway, &stage.admin, "dora", "view", &old).await.unwrap();
    let restore = async |from: &ObjectRef, to: &ObjectRef| {
        let request = RestoreRightsRequest {
            from: Some(from.clone()),
            to: Some(to.clone()),
            cluster: "fra1".to_owned(),
            name: "web1".to_owned(),
        };
        let mut owners = OwnersClient::new(stage.gateway.clone());
        owners.restore_rights(stage.admin.ask(request)).await.map(tonic::Response::into_inner)
    };
    // The news that it is gone may be slower than who restores, and comes all the same.
    let done = restore(&old, &new).await.unwrap();
    stage.tell(&[("gone", &old)]).await;
    assert_eq!((done.grants, &*done.owner), (2, "user/carla"));
    let wanted = vec!["carla:admin".to_owned(), "dora:view".to_owned()];
    assert_eq!(stage.look(&new).await, ("carla".to_owned(), wanted, vec![]));
    assert_eq!(stage.look(&old).await, (String::new(), vec![], vec![]));
    assert_eq!(restore(&old, &new).await.unwrap_err().code(), Code::NotFound);
    let elsewhere = instance();
    assert_eq!(restore(&new, &elsewhere).await.unwrap_err().code(), Code::InvalidArgument);
    // The other order, on to the next one.
    let next = ObjectRef { uuid: uuid::Uuid::now_v7().to_string(), ..old.clone() };
    stage.tell(&[("gone", &new)]).await;
    assert_eq!(restore(&new, &next).await.unwrap().grants, 2);
    let audited = "select count(*) from audit_record where record like '%instance.restore_rights%'";
    assert_eq!(stage.count(audited).await, 2);
}
