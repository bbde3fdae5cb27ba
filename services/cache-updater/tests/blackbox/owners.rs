//! The copy of auth's owners, and what auth is told of what is gone or back.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gwm_proto::auth::owners_server::Owners;
use gwm_proto::auth::{
    ListOwnersRequest, ListOwnersResponse, OwnerCopy, Presence, RestoreRightsRequest,
    RestoreRightsResponse, SetOwnersRequest, SetOwnersResponse, TellClustersRequest,
    TellClustersResponse, TellPresenceRequest, TellPresenceResponse, WatchOwnersRequest,
    WatchOwnersResponse,
};
use gwm_proto::cache::{
    GetOverviewRequest, Instance, InstanceName, ListInstancesRequest, ListMissingRequest,
    PurgeMissingRequest, RemoveClusterRequest, ResolveInstancesRequest, SearchRequest, Vanished,
};
use gwm_proto::common::PageRequest;
use gwm_rapi_sim::Outside;
use gwm_testkit::wait_for;
use tokio_stream::{Stream, StreamExt};
use tonic::{Request, Response, Status};

use crate::auth::Person;
use crate::world::{PATIENCE, Replica, World, object, reason};

/// auth's owners: a log of changes, the last one of an instance counts.
#[derive(Clone, Default)]
pub(crate) struct FakeOwners(Arc<Mutex<Log>>);

#[derive(Default)]
struct Log {
    lineage: String,
    changes: Vec<OwnerCopy>,
    /// What followers said they know.
    asked: Vec<(u64, String)>,
    news: Vec<(String, String)>,
    /// What rights may depend on, of each instance.
    traits: Vec<Presence>,
    /// What clusters are called.
    clusters: Vec<(String, String)>,
    deaf: bool,
}

impl FakeOwners {
    fn set(&self, instance: &Instance, owner: &str) {
        self.set_by_id(instance, owner, "");
    }

    pub(crate) fn set_by_id(&self, instance: &Instance, owner: &str, id: &str) {
        self.0.lock().unwrap().changes.push(OwnerCopy {
            cluster_id: instance.cluster_id.clone(),
            uuid: instance.uuid.clone(),
            owner: owner.to_owned(),
            owner_id: id.to_owned(),
        });
    }

    /// Names the numbering, as auth does: whoever follows hears all anew.
    pub(crate) fn number(&self, lineage: &str) {
        self.0.lock().unwrap().lineage = lineage.to_owned();
    }

    fn news(&self) -> Vec<(String, String)> {
        self.0.lock().unwrap().news.clone()
    }
}

type Stream1 = Pin<Box<dyn Stream<Item = Result<WatchOwnersResponse, Status>> + Send>>;

#[tonic::async_trait]
impl Owners for FakeOwners {
    type WatchOwnersStream = Stream1;

    async fn watch_owners(
        &self,
        request: Request<WatchOwnersRequest>,
    ) -> Result<Response<Stream1>, Status> {
        let log = self.0.clone();
        let asked = request.into_inner();
        let (mut known, mut whole) = {
            let mut log = log.lock().unwrap();
            log.asked.push((asked.revision, asked.lineage.clone()));
            let whole = asked.lineage != log.lineage || asked.revision == 0;
            (if whole { 0 } else { usize::try_from(asked.revision).unwrap() }, whole)
        };
        let ticks = tokio::time::interval(Duration::from_millis(50));
        let lineage = log.lock().unwrap().lineage.clone();
        let stream = tokio_stream::wrappers::IntervalStream::new(ticks)
            .take_while({
                let (log, lineage) = (log.clone(), lineage.clone());
                move |_| log.lock().unwrap().lineage == lineage
            })
            .map(move |_| {
                let log = log.lock().unwrap();
                let owners = log.changes[known..].to_vec();
                known = log.changes.len();
                Ok(WatchOwnersResponse {
                    revision: known as u64,
                    lineage: lineage.clone(),
                    owners,
                    whole: std::mem::take(&mut whole),
                    last: true,
                })
            });
        Ok(Response::new(Box::pin(stream)))
    }

    async fn tell_presence(
        &self,
        request: Request<TellPresenceRequest>,
    ) -> Result<Response<TellPresenceResponse>, Status> {
        let mut log = self.0.lock().unwrap();
        if log.deaf {
            return Err(Status::unavailable("deaf"));
        }
        let told = request.into_inner().news.into_iter();
        let (traits, news): (Vec<_>, Vec<_>) = told.partition(|n| n.what == "traits");
        log.traits.extend(traits);
        log.news.extend(news.into_iter().map(|n| (n.what, n.uuid)));
        Ok(Response::new(TellPresenceResponse {}))
    }

    async fn tell_clusters(
        &self,
        request: Request<TellClustersRequest>,
    ) -> Result<Response<TellClustersResponse>, Status> {
        let mut log = self.0.lock().unwrap();
        if log.deaf {
            return Err(Status::unavailable("deaf"));
        }
        log.clusters =
            request.into_inner().clusters.into_iter().map(|c| (c.cluster_id, c.slug)).collect();
        Ok(Response::new(TellClustersResponse {}))
    }

    async fn list_owners(
        &self,
        _: Request<ListOwnersRequest>,
    ) -> Result<Response<ListOwnersResponse>, Status> {
        Err(Status::unimplemented(""))
    }
    async fn set_owners(
        &self,
        _: Request<SetOwnersRequest>,
    ) -> Result<Response<SetOwnersResponse>, Status> {
        Err(Status::unimplemented(""))
    }
    async fn restore_rights(
        &self,
        _: Request<RestoreRightsRequest>,
    ) -> Result<Response<RestoreRightsResponse>, Status> {
        Err(Status::unimplemented(""))
    }
}

async fn names(world: &World, replica: &Replica, q: &str) -> Vec<String> {
    world.list(replica, q).await.instances.into_iter().map(|i| i.name).collect()
}

async fn until(world: &World, replica: &Replica, q: &str, count: usize) {
    wait_for(q, PATIENCE, async || {
        let found = names(world, replica, q).await;
        if found.len() == count { Ok(()) } else { Err(format!("{found:?}")) }
    })
    .await;
}

async fn missing(world: &World, replica: &Replica, q: &str) -> Vec<Vanished> {
    let page = PageRequest { q: q.to_owned(), ..Default::default() };
    let asked = world.admin.ask(ListMissingRequest { page: Some(page) });
    replica.imports().list_missing(asked).await.unwrap().into_inner().objects
}

async fn wait_missing(world: &World, replica: &Replica, q: &str) -> Vanished {
    wait_for(q, PATIENCE, async || {
        missing(world, replica, q).await.into_iter().next().ok_or("not there")
    })
    .await
}

#[tokio::test]
async fn the_copy_converges_after_any_restart_and_is_told_once() {
    let world = World::new().await;
    let first = world.replica("a").await;
    world.add(&first).await;
    let all = world.list(&first, "").await.instances;
    let owners = &world.auth.owners;
    owners.set(&all[0], "user/carla");
    owners.set(&all[1], "user/carla");
    owners.set(&all[2], "user/dora");
    until(&world, &first, "owner:carla", 2).await;
    until(&world, &first, "owner:none", 9).await;
    assert_eq!(names(&world, &first, "-owner:*").await.len(), 9);
    assert_eq!(names(&world, &first, "owner:user/dora").await, std::slice::from_ref(&all[2].name));
    assert_eq!(names(&world, &first, "owner:*").await.len(), 3);
    assert_eq!(names(&world, &first, "owner:c*a").await.len(), 2);
    let sorted = first.list(&world.admin, "", "-owner", 3, "").await.unwrap().instances;
    let sorted: Vec<&str> = sorted.iter().map(|i| i.owner.as_str()).collect();
    assert_eq!(sorted, ["user/dora", "user/carla", "user/carla"]);
    let event = world.wait_told("instance.changed", &all[0].name).await;
    assert_eq!(event["data"]["object"]["owner"], "user/carla");
    assert_eq!(event["data"]["changed"], serde_json::json!({"owner": null}));
    let (before, now) = (all[0].revision, world.instance(&first, &all[0].uuid).await.unwrap());
    assert_eq!(now.instance.unwrap().revision, before + 1);

    let asked = world.admin.ask(ListInstancesRequest::default());
    let orphans = first.imports().list_orphans(asked).await.unwrap().into_inner();
    assert_eq!((orphans.instances.len(), orphans.page.unwrap().total), (9, 9));

    // A poll knows nothing of owners, and takes none away.
    let (instance, add) = (all[0].name.clone(), vec!["x".to_owned()]);
    let tag = Outside::Tag { instance, add, remove: Vec::new() };
    world.cluster().outside(tag).await.unwrap();
    until(&world, &first, "owner:carla tag:x", 1).await;

    // Something changes while nobody follows; then only that is asked for and told.
    drop(first);
    owners.set(&all[2], "");
    let second = world.replica("b").await;
    until(&world, &second, "owner:none", 10).await;
    let asked = owners.0.lock().unwrap().asked.clone();
    assert_eq!(asked.last().unwrap().0, 3, "{asked:?}");
    let told = world.told("instance.changed", &all[1].name).await;

    // auth's numbers begin anew, and what is there now is another set.
    {
        let mut log = owners.0.lock().unwrap();
        log.lineage = "anew".to_owned();
        log.changes.clear();
    }
    owners.set(&all[1], "user/carla");
    owners.set(&all[5], "user/dora");
    until(&world, &second, "owner:dora", 1).await;
    until(&world, &second, "owner:none", 10).await;
    assert_eq!(world.told("instance.changed", &all[1].name).await, told, "the same is not told");
}

#[tokio::test]
async fn what_somebody_owns_is_summed_up_counted_and_found_within_what_one_sees() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let cluster = world.add(&replica).await;
    let all = world.list(&replica, "").await.instances;
    let owners = &world.auth.owners;
    for one in &all[..3] {
        owners.set(one, "user/carla");
    }
    owners.set(&all[3], "user/dora");
    until(&world, &replica, "owner:*", 4).await;
    let overview = async |person: &Person, persona: &str| {
        let asked = GetOverviewRequest { persona: persona.to_owned() };
        replica.inventory().get_overview(person.ask(asked)).await.unwrap().into_inner()
    };
    let carla = overview(&world.admin, "user/carla").await;
    let own = carla.own.unwrap();
    let memory: u64 = all[..3].iter().filter_map(|i| i.memory_mib).sum();
    let disk: u64 = all[..3].iter().filter_map(|i| i.disk_mib).sum();
    assert_eq!((own.instances, own.memory_mib, own.disk_mib), (3, memory, disk));
    assert_eq!((carla.instances_owned, carla.instances_total), (4, 12));
    assert_eq!(carla.removed_kept, Some(0));
    assert_eq!(overview(&world.admin, "").await.own.unwrap().instances, 0);

    // Who sees one instance learns nothing of the others.
    let viewer = world.person(&replica, "view", object("instance", &cluster, &all[0].uuid)).await;
    let seen = overview(&viewer, "user/carla").await;
    assert_eq!((seen.own.unwrap().instances, seen.instances_owned), (1, 1));
    assert_eq!(seen.removed_kept, None);

    let search = async |person: &Person, q: &str| {
        let asked = SearchRequest { q: q.to_owned(), limit: 0 };
        let found = replica.find().search(person.ask(asked)).await.unwrap().into_inner().found;
        found.into_iter().map(|f| (f.name, f.owner)).collect::<Vec<_>>()
    };
    for q in ["carla", "Car", "user/carla", "owner:carla", "owner:user/c"] {
        let mut names: Vec<String> = all[..3].iter().map(|i| i.name.clone()).collect();
        let mut found = search(&world.admin, q).await;
        assert!(found.iter().all(|(_, owner)| owner == "user/carla"), "{q}: {found:?}");
        found.sort();
        names.sort();
        assert_eq!(found.into_iter().map(|f| f.0).collect::<Vec<_>>(), names, "{q}");
        assert_eq!(search(&viewer, q).await.len(), 1, "{q}");
    }
    assert_eq!(search(&viewer, "dora").await, []);
    assert_eq!(search(&world.admin, &format!("owner:{}", all[0].name)).await, []);

    // The counter goes with what is removed, given back, and counted anew.
    owners.set(&all[3], "");
    until(&world, &replica, "owner:*", 3).await;
    assert_eq!(overview(&world.admin, "").await.instances_owned, 3);
    world.cluster().outside(Outside::Recreate { instance: all[0].name.clone() }).await.unwrap();
    until(&world, &replica, "owner:carla", 2).await;
    let after = overview(&world.admin, "user/carla").await;
    assert_eq!((after.instances_owned, after.removed_kept), (2, Some(1)));
}

#[tokio::test]
async fn auth_hears_of_node_groups_and_access_tags_as_they_are_when_it_listens() {
    let world = World::new().await;
    let first = world.replica("a").await;
    world.add(&first).await;
    let all = world.list(&first, "").await.instances;
    let owners = &world.auth.owners;
    let told = || owners.0.lock().unwrap().traits.clone();
    let heard_all = async || {
        wait_for("all to be told", PATIENCE, async || {
            let seen = told();
            let of =
                |i: &Instance| seen.iter().any(|t| t.uuid == i.uuid && !t.node_group.is_empty());
            if all.iter().all(of) { Ok(()) } else { Err(format!("{seen:?}")) }
        })
        .await;
    };
    heard_all().await;
    assert!(told().iter().all(|t| t.tags.is_empty() && t.node_group.parse::<uuid::Uuid>().is_ok()));

    // What was so while it didn't listen is never told.
    let one = &all[0];
    let tag = async |add: &[&str], remove: &[&str]| {
        let words = |all: &[&str]| all.iter().map(|t| (*t).to_owned()).collect();
        let (add, remove) = (words(add), words(remove));
        let tag = Outside::Tag { instance: one.name.clone(), add, remove };
        world.cluster().outside(tag).await.unwrap();
    };
    owners.0.lock().unwrap().deaf = true;
    tag(&["gwm:access:web", "other"], &[]).await;
    until(&world, &first, "tag:gwm:access:web", 1).await;
    tag(&["gwm:access:db"], &["gwm:access:web"]).await;
    until(&world, &first, "tag:gwm:access:db -tag:gwm:access:web", 1).await;
    owners.0.lock().unwrap().deaf = false;
    let last = async |tags: &[&str]| {
        wait_for("its tags", PATIENCE, async || {
            let seen = told().into_iter().rfind(|t| t.uuid == one.uuid).unwrap().tags;
            if seen == tags { Ok(()) } else { Err(format!("{seen:?}")) }
        })
        .await;
    };
    last(&["gwm:access:db"]).await;
    assert!(told().iter().all(|t| !t.tags.contains(&"gwm:access:web".to_owned())));

    // Whoever follows next says all of it again.
    drop(first);
    owners.0.lock().unwrap().traits.clear();
    let _second = world.replica("b").await;
    heard_all().await;
    last(&["gwm:access:db"]).await;
}

#[tokio::test]
async fn what_is_gone_is_listed_with_its_owner_and_its_successor_until_it_is_purged() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let cluster = world.add(&replica).await;
    let one = world.list(&replica, "").await.instances[0].clone();
    let owners = &world.auth.owners;
    owners.set(&one, "user/carla");
    until(&world, &replica, "owner:carla", 1).await;
    owners.0.lock().unwrap().deaf = true;
    world.cluster().outside(Outside::Recreate { instance: one.name.clone() }).await.unwrap();
    let gone = wait_missing(&world, &replica, "successor:*").await;
    assert_eq!((&*gone.uuid, &*gone.owner, &*gone.state), (&*one.uuid, "user/carla", "removed"));
    let heir = world.instance(&replica, &one.name).await.unwrap().instance.unwrap();
    assert_eq!(
        (&gone.successor_uuid, &*heir.owner),
        (&heir.uuid, ""),
        "rights never go by name alone"
    );
    assert_eq!(missing(&world, &replica, "successor:x*").await, []);

    // auth hears of it when it can.
    assert_eq!(owners.news(), []);
    owners.0.lock().unwrap().deaf = false;
    let told = |what: &str| (what.to_owned(), one.uuid.clone());
    wait_for("the news", PATIENCE, async || {
        let news = owners.news();
        if news == [told("gone")] { Ok(()) } else { Err(format!("{news:?}")) }
    })
    .await;

    let stranger =
        world.auth.person(Some(vec![("admin", object("instance", &cluster, &one.uuid))]));
    let purge = || PurgeMissingRequest { object: Some(object("instance", &cluster, &one.uuid)) };
    wait_for("the stranger to be known", PATIENCE, async || {
        let refused = replica.imports().purge_missing(stranger.ask(purge())).await.unwrap_err();
        if reason(&refused) == "permission_denied" { Ok(()) } else { Err(refused) }
    })
    .await;
    replica.imports().purge_missing(world.admin.ask(purge())).await.unwrap();
    let again = replica.imports().purge_missing(world.admin.ask(purge())).await.unwrap_err();
    assert_eq!(reason(&again), "not_found");
    assert_eq!(missing(&world, &replica, "").await, []);
    wait_for("the purge to be told", PATIENCE, async || {
        let news = owners.news();
        if news == [told("gone"), told("purged")] { Ok(()) } else { Err(format!("{news:?}")) }
    })
    .await;
}

#[tokio::test]
async fn a_removed_cluster_comes_back_as_what_it_was_or_is_purged_after_thirty_days() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let before = world.add(&replica).await;
    let all = world.list(&replica, "").await.instances;
    let owners = &world.auth.owners;
    owners.set(&all[0], "user/carla");
    until(&world, &replica, "owner:carla", 1).await;
    let remove = async || {
        let asked = RemoveClusterRequest { cluster: "one".to_owned() };
        replica.clusters().remove_cluster(world.admin.ask(asked)).await.unwrap();
    };
    remove().await;
    let rows = missing(&world, &replica, "").await;
    assert_eq!((rows.len(), &*rows[0].kind, &*rows[0].state), (1, "cluster", "forgotten"));

    let after = world.add(&replica).await;
    assert_eq!(after.cluster_id, before.cluster_id);
    assert!(after.revision > before.revision + 1, "{} {}", before.revision, after.revision);
    assert_ne!(after.config_version, before.config_version);
    assert_eq!(names(&world, &replica, "owner:carla").await, std::slice::from_ref(&all[0].name));
    let now = world.instance(&replica, &all[0].uuid).await.unwrap().instance.unwrap();
    assert!(now.revision > all[0].revision, "revisions go on");
    assert_eq!(missing(&world, &replica, "").await, []);
    wait_for("the news", PATIENCE, async || {
        let news = owners.news();
        let whats: Vec<&str> = news.iter().map(|(what, _)| what.as_str()).collect();
        let back = whats.iter().filter(|w| **w == "back").count();
        if whats[..].starts_with(&["forgotten", "added"]) && back == 12 {
            Ok(())
        } else {
            Err(format!("{news:?}"))
        }
    })
    .await;

    remove().await;
    let pool = world.pool().await;
    for sql in [
        "update forgotten_cluster set forgotten_at = now() - interval '31 days'",
        "update tombstone set removed_at = now() - interval '31 days'",
    ] {
        sqlx::query(sql).execute(&pool).await.unwrap();
    }
    drop(replica);
    let second = world.replica("b").await;
    wait_for("the purge", PATIENCE, async || {
        let left: i64 = sqlx::query_scalar(
            "select (select count(*) from forgotten_cluster) + (select count(*) from tombstone)",
        )
        .fetch_one(&pool)
        .await
        .unwrap();
        if left == 0 { Ok(()) } else { Err(left) }
    })
    .await;
    wait_for("auth to hear of the purge", PATIENCE, async || {
        let news = owners.news();
        if news.contains(&("purged".to_owned(), String::new())) {
            Ok(())
        } else {
            Err(format!("{news:?}"))
        }
    })
    .await;
    let anew = world.add(&second).await;
    assert_ne!(anew.cluster_id, before.cluster_id);
}

#[tokio::test]
async fn names_of_many_lines_are_resolved_at_once() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    world.add(&replica).await;
    let one = world.list(&replica, "").await.instances[0].clone();
    let name = |cluster: &str, instance: &str| InstanceName {
        cluster: cluster.to_owned(),
        instance: instance.to_owned(),
    };
    let names = vec![
        name("one", "nothing"),
        name("one", &one.name),
        name("two", &one.name),
        name("one", &one.uuid.to_uppercase()),
    ];
    let asked = world.admin.ask(ResolveInstancesRequest { names });
    let found = replica.imports().resolve_instances(asked).await.unwrap().into_inner().instances;
    let found: Vec<(bool, &str)> =
        found.iter().map(|r| (r.cluster_id.is_empty(), r.uuid.as_str())).collect();
    assert_eq!(found, [(false, ""), (false, &*one.uuid), (true, ""), (false, &*one.uuid)]);
    let stranger = world.auth.person(Some(vec![]));
    let asked = stranger.ask(ResolveInstancesRequest::default());
    assert!(replica.imports().resolve_instances(asked).await.is_err());
}

#[tokio::test]
async fn auth_hears_what_clusters_are_called_also_when_it_was_deaf_for_a_while() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let owners = &world.auth.owners;
    owners.0.lock().unwrap().deaf = true;
    world.add(&replica).await;
    let instance = world.list(&replica, "").await.instances.remove(0);
    owners.0.lock().unwrap().deaf = false;
    let wanted = vec![(instance.cluster_id.clone(), instance.cluster.clone())];
    wait_for("the name to be told", PATIENCE, async || {
        let told = owners.0.lock().unwrap().clusters.clone();
        if told == wanted { Ok(()) } else { Err(format!("{told:?}")) }
    })
    .await;
}
