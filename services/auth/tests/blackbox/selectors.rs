//! Rights on node groups and on what instances have in common.

use std::collections::{BTreeMap, BTreeSet};

use gwm_authz::{Authz, AuthzConfig, Principal, Scope, SignedAssertion};
use gwm_kernel::grpc::Peer;
use gwm_proto::auth::access_client::AccessClient;
use gwm_proto::auth::effective_client::EffectiveClient;
use gwm_proto::auth::grants_client::GrantsClient;
use gwm_proto::auth::owners_client::OwnersClient;
use gwm_proto::auth::{
    AddGrantRequest, ExplainRequest, Grant, ListGrantsRequest, OwnerLine, Presence,
    RemoveGrantRequest, Selector, SetOwnersRequest, TellPresenceRequest, WatchRequest,
    WatchResponse,
};
use gwm_proto::common::ObjectRef;
use gwm_testkit::wait_for;
use gwm_types::{ClusterId, InstanceUuid, Object, Permission, UserId};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tokio_stream::StreamExt;
use tonic::{Code, Status};
use uuid::Uuid;

use crate::groups::{create, may, put};
use crate::world::{
    PATIENCE, Person, Replica, World, admin, cluster_of, grant, instance, reason, user_person,
};

const WEB: &str = "gwm:access:web";
const DB: &str = "gwm:access:db";

struct Stage {
    _replica: Replica,
    gateway: Peer,
    cache: Peer,
    admin: Person,
}

impl Stage {
    async fn of(world: &World) -> Self {
        let replica = world.replica("a").await;
        let gateway = world.gateway(&replica).await;
        let cache = world.peer(&replica, "cache-updater").await;
        let admin = admin(&gateway).await;
        Self { _replica: replica, gateway, cache, admin }
    }

    async fn tell(&self, object: &ObjectRef, node_group: &str, tags: &[&str]) {
        self.news(vec![traits(object, node_group, tags)]).await;
    }

    async fn news(&self, news: Vec<Presence>) {
        let mut owners = OwnersClient::new(self.cache.clone());
        owners.tell_presence(TellPresenceRequest { news }).await.unwrap();
    }

    async fn own(&self, object: &ObjectRef, owner: &str) {
        let line = OwnerLine {
            instance: Some(object.clone()),
            cluster: "fra1".to_owned(),
            name: "web1".to_owned(),
            owner: owner.to_owned(),
            ..OwnerLine::default()
        };
        let request = SetOwnersRequest { lines: vec![line], ..Default::default() };
        let mut owners = OwnersClient::new(self.gateway.clone());
        owners.set_owners(self.admin.ask(request)).await.unwrap();
    }

    async fn give(
        &self,
        who: &Person,
        persona: &str,
        role: &str,
        selector: Selector,
    ) -> Result<Grant, Status> {
        give(&self.gateway, who, persona, role, selector).await
    }

    async fn take(&self, who: &Person, grant: &Grant) -> Result<(), Status> {
        let request = RemoveGrantRequest { grant_id: grant.grant_id.clone() };
        GrantsClient::new(self.gateway.clone()).remove_grant(who.ask(request)).await.map(drop)
    }

    async fn list(&self, who: &Person, object: &ObjectRef) -> Vec<String> {
        let request = ListGrantsRequest {
            object: Some(object.clone()),
            inherited: true,
            ..Default::default()
        };
        let mut grants = GrantsClient::new(self.gateway.clone());
        let grants = grants.list_grants(who.ask(request)).await.unwrap().into_inner().grants;
        grants.iter().map(|g| format!("{} {} {}", g.persona_name, g.role, g.selector)).collect()
    }
}

async fn give(
    gateway: &Peer,
    who: &Person,
    persona: &str,
    role: &str,
    selector: Selector,
) -> Result<Grant, Status> {
    let request = AddGrantRequest {
        persona: persona.to_owned(),
        role: role.to_owned(),
        slug: if selector.cluster_id.is_empty() { "" } else { "fra1" }.to_owned(),
        selector: Some(selector),
        ..AddGrantRequest::default()
    };
    Ok(GrantsClient::new(gateway.clone()).add_grant(who.ask(request)).await?.into_inner())
}

fn traits(object: &ObjectRef, node_group: &str, tags: &[&str]) -> Presence {
    Presence {
        what: "traits".to_owned(),
        cluster_id: object.cluster_id.clone(),
        uuid: object.uuid.clone(),
        node_group: node_group.to_owned(),
        tags: tags.iter().map(|t| (*t).to_owned()).collect(),
    }
}

fn tagged(tags: &[&str]) -> Selector {
    Selector { tags: tags.iter().map(|t| (*t).to_owned()).collect(), ..Selector::default() }
}

fn neighbour(object: &ObjectRef) -> ObjectRef {
    ObjectRef { uuid: Uuid::now_v7().to_string(), ..object.clone() }
}

fn node_group(object: &ObjectRef) -> ObjectRef {
    ObjectRef { kind: "node_group".to_owned(), ..neighbour(object) }
}

#[tokio::test]
async fn a_right_on_a_selector_holds_on_what_is_so_for_as_long_as_it_is_so() {
    let world = World::new().await;
    let stage = Stage::of(&world).await;
    let jane = user_person(&stage.gateway, &stage.admin, "jane").await;
    create(&stage.gateway, &stage.admin, "shop").await.unwrap();
    put(&stage.gateway, &stage.admin, "shop", "jane", false).await.unwrap();
    let one = instance();
    let (other, group) = (neighbour(&one), node_group(&one));
    let may = async |what: &str, object: &ObjectRef, expected| {
        may(&stage.gateway, &jane.user_id(), what, object, expected).await;
    };
    stage.tell(&one, "", &[WEB, "other"]).await;
    stage.tell(&other, &group.uuid, &[]).await;

    // By a tag, through a group of people; nothing else is seen.
    let given = stage.give(&stage.admin, "group/shop", "power", tagged(&[WEB])).await.unwrap();
    assert_eq!(given.selector, format!("tag:{WEB}"));
    assert_eq!(given.object.as_ref().unwrap().kind, "selector");
    let again = stage.give(&stage.admin, "group/shop", "power", tagged(&[WEB, WEB])).await.unwrap();
    assert_eq!(given, again);
    may("power", &one, true).await;
    may("view", &other, false).await;
    may("view", &cluster_of(&one), false).await;
    stage.tell(&other, &group.uuid, &[DB, WEB]).await;
    may("power", &other, true).await;
    stage.tell(&one, "", &[DB]).await;
    may("view", &one, false).await;

    // By all of several things.
    stage.take(&stage.admin, &given).await.unwrap();
    may("view", &other, false).await;
    let both = Selector {
        cluster_id: one.cluster_id.clone(),
        owner: "group/shop".to_owned(),
        ..tagged(&[DB])
    };
    let given = stage.give(&stage.admin, "jane", "user", both).await.unwrap();
    assert_eq!(given.selector, format!("cluster:fra1 owner:group/shop tag:{DB}"));
    may("view", &other, false).await;
    stage.own(&other, "group/shop").await;
    may("tags", &other, true).await;
    may("view", &one, false).await;
    stage.own(&other, "").await;
    may("view", &other, false).await;
    stage.own(&other, "group/shop").await;

    // What isn't there any more, and what nobody has told of, is in no selector.
    may("view", &other, true).await;
    let gone = Presence { what: "gone".to_owned(), ..traits(&other, "", &[]) };
    stage.news(vec![gone]).await;
    may("view", &other, false).await;

    // A node group's, as long as the instance runs there.
    grant(&stage.gateway, &stage.admin, "jane", "console", &group).await.unwrap();
    may("console", &group, true).await;
    stage.tell(&one, &group.uuid, &[]).await;
    may("console", &one, true).await;
    stage.tell(&one, &node_group(&one).uuid, &[]).await;
    may("view", &one, false).await;
    stage.tell(&one, &group.uuid, &[]).await;
    may("view", &one, true).await;
    let forgotten =
        Presence { what: "forgotten".to_owned(), uuid: String::new(), ..traits(&one, "", &[]) };
    stage.news(vec![forgotten]).await;
    may("view", &one, false).await;
    may("console", &group, false).await;
    let added = Presence { what: "added".to_owned(), uuid: String::new(), ..traits(&one, "", &[]) };
    stage.news(vec![added, traits(&one, &group.uuid, &[])]).await;
    may("console", &one, true).await;
}

#[tokio::test]
async fn only_who_administers_all_that_a_selector_may_reach_gives_rights_on_it() {
    let world = World::new().await;
    let stage = Stage::of(&world).await;
    let [jane, bob] = [
        user_person(&stage.gateway, &stage.admin, "jane").await,
        user_person(&stage.gateway, &stage.admin, "bob").await,
    ];
    let one = instance();
    let (cluster, group) = (cluster_of(&one), node_group(&one));
    grant(&stage.gateway, &stage.admin, "jane", "admin", &cluster).await.unwrap();
    grant(&stage.gateway, &stage.admin, "bob", "admin", &group).await.unwrap();
    may(&stage.gateway, &jane.user_id(), "admin", &cluster, true).await;
    may(&stage.gateway, &bob.user_id(), "admin", &group, true).await;
    let here = || Selector { cluster_id: one.cluster_id.clone(), ..tagged(&[WEB]) };
    let in_group = || Selector { node_group: group.uuid.clone(), ..here() };
    let there = || Selector { cluster_id: instance().cluster_id, ..tagged(&[WEB]) };

    for (who, selector, code) in [
        (&jane, tagged(&[WEB]), Code::PermissionDenied),
        (&jane, there(), Code::NotFound),
        (&bob, tagged(&[WEB]), Code::PermissionDenied),
        (&bob, here(), Code::PermissionDenied),
        (&bob, Selector { node_group: node_group(&one).uuid, ..here() }, Code::NotFound),
    ] {
        // Whether there is such a group isn't said either.
        let selector = Selector { owner: "group/secret".to_owned(), ..selector };
        let refused = stage.give(who, "bob", "view", selector).await.unwrap_err();
        assert_eq!(refused.code(), code, "{refused:?}");
    }
    let by_jane = stage.give(&jane, "bob", "view", here()).await.unwrap();
    let by_bob = stage.give(&bob, "bob", "power", in_group()).await.unwrap();
    assert_eq!(stage.take(&bob, &by_jane).await.unwrap_err().code(), Code::PermissionDenied);
    stage.give(&jane, "jane", "view", in_group()).await.unwrap();

    for (what, selector, says) in [
        (
            "view",
            Selector { cluster_id: one.cluster_id.clone(), ..Selector::default() },
            "owner or a tag",
        ),
        (
            "view",
            Selector { owner: "group/nobody".to_owned(), ..Selector::default() },
            "no group nobody",
        ),
        (
            "view",
            Selector { node_group: group.uuid.clone(), ..tagged(&[WEB]) },
            "needs its cluster",
        ),
        ("view", tagged(&["web"]), "doesn't begin with gwm:access:"),
        ("create_vm", tagged(&[WEB]), "can't be given on this"),
        ("migrate", tagged(&[WEB]), "can't be given on this"),
    ] {
        let refused = stage.give(&stage.admin, "bob", what, selector).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert!(refused.message().contains(says), "{refused:?}");
    }

    // Whoever reads a list sees what they administer of it.
    stage.tell(&one, &group.uuid, &[WEB]).await;
    may(&stage.gateway, &bob.user_id(), "power", &one, true).await;
    let short = |all: Vec<String>| {
        all.iter().map(|l| l.split(" cluster").next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(short(stage.list(&bob, &one).await), ["bob admin", "bob power", "jane view"]);
    let all = stage.list(&jane, &one).await;
    assert_eq!(
        short(all.clone()),
        ["bob admin", "bob view", "bob power", "jane admin ", "jane view"]
    );
    assert!(all.contains(&format!("bob view cluster:fra1 tag:{WEB}")), "{all:?}");
    assert!(all.contains(&"bob admin cluster:fra1 node_group:default".to_owned()), "{all:?}");
    assert_eq!(short(stage.list(&jane, &cluster).await).len(), 5);
    stage.take(&jane, &by_bob).await.unwrap();

    // The reasons are named, also to who asks about themself.
    let ask = ExplainRequest { username: String::new(), object: Some(one.clone()) };
    let mut effective = EffectiveClient::new(stage.gateway.clone());
    let why = effective.explain(bob.ask(ask)).await.unwrap().into_inner();
    let reasons: Vec<_> = why.reasons.iter().map(|r| r.grant.as_ref().unwrap()).collect();
    let kinds: Vec<_> = reasons.iter().map(|g| g.object.as_ref().unwrap().kind.as_str()).collect();
    assert_eq!(kinds, ["node_group", "selector"]);
    let ask = ExplainRequest { username: "bob".to_owned(), object: Some(cluster.clone()) };
    let why = effective.explain(jane.ask(ask)).await.unwrap().into_inner();
    assert!(why.allowed.is_empty() && why.reasons.is_empty(), "{why:?}");

    // A group that selectors name goes with them.
    create(&stage.gateway, &stage.admin, "shop").await.unwrap();
    let shops = Selector { owner: "group/shop".to_owned(), ..Selector::default() };
    stage.give(&stage.admin, "bob", "view", shops).await.unwrap();
    let request = gwm_proto::auth::DeleteGroupRequest { group: "shop".to_owned() };
    let mut groups = gwm_proto::auth::groups_client::GroupsClient::new(stage.gateway.clone());
    groups.delete_group(stage.admin.ask(request)).await.unwrap();
    let left: i64 =
        sqlx::query_scalar("select count(*) from permission_grant where selector_id is not null")
            .fetch_one(&world.pool().await)
            .await
            .unwrap();
    assert_eq!(left, 3);
    assert_eq!(reason(&stage.take(&bob, &by_bob).await.unwrap_err()), "not_found");
}

/// The first selector is made while an instance loses the tag that it asks for: whichever comes first, the loss is told.
#[tokio::test]
async fn a_tag_that_goes_just_as_the_first_right_by_it_is_given_gives_nothing() {
    let world = World::new().await;
    let stage = Stage::of(&world).await;
    let jane = user_person(&stage.gateway, &stage.admin, "jane").await;
    let pool = world.pool().await;
    let waiting = async |number: i64| {
        wait_for("them to wait", PATIENCE, async || {
            let sql = "select count(*) from pg_stat_activity
                       where wait_event_type = 'Lock' and datname = current_database()";
            let seen: i64 = sqlx::query_scalar(sql).fetch_one(&pool).await.unwrap();
            if seen == number { Ok(()) } else { Err(seen) }
        })
        .await;
    };
    for told_first in [true, false] {
        let one = instance();
        stage.tell(&one, "", &[WEB]).await;
        let mut hold = pool.begin().await.unwrap();
        sqlx::query("select from access_revision for update").execute(&mut *hold).await.unwrap();
        let tell = async {
            waiting(i64::from(!told_first)).await;
            stage.tell(&one, "", &[]).await;
        };
        let given = async {
            waiting(i64::from(told_first)).await;
            stage.give(&stage.admin, "jane", "view", tagged(&[WEB])).await.unwrap()
        };
        let release = async {
            waiting(2).await;
            hold.commit().await.unwrap();
        };
        let (_, given, ()) = tokio::join!(tell, given, release);
        let told: Vec<Vec<Uuid>> = sqlx::query_scalar(
            "select instance_uuids from change_log order by revision desc limit 2",
        )
        .fetch_all(&pool)
        .await
        .unwrap();
        // Before the first selector is there, nobody has to hear of it; after it, of each.
        let first: Vec<Uuid> = vec![one.uuid.parse().unwrap()];
        assert_eq!(told[0], if told_first { Vec::new() } else { first });
        // A right given later is told of later: then the loss was told of, too.
        let other = neighbour(&one);
        stage.tell(&other, "", &[WEB]).await;
        may(&stage.gateway, &jane.user_id(), "view", &other, true).await;
        may(&stage.gateway, &jane.user_id(), "view", &one, false).await;
        stage.take(&stage.admin, &given).await.unwrap();
        stage.tell(&other, "", &[]).await;
        sqlx::query("delete from selector").execute(&pool).await.unwrap();
    }
}

#[tokio::test]
async fn what_is_held_on_a_node_group_is_held_on_its_nodes_and_as_far_as_it_can_be_on_its_instances()
 {
    let world = World::new().await;
    let stage = Stage::of(&world).await;
    let jane = user_person(&stage.gateway, &stage.admin, "jane").await;
    let one = instance();
    let (group, other) = (node_group(&one), node_group(&one));
    stage.tell(&one, &group.uuid, &[]).await;
    let given = grant(&stage.gateway, &stage.admin, "jane", "migrate", &group).await.unwrap();
    for (what, on, expected) in [
        ("view_placement", &group, true),
        ("migrate", &group, true),
        ("manage_nodes", &group, false),
        ("view_placement", &other, false),
        ("view_placement", &cluster_of(&one), false),
        ("view", &one, true),
        ("migrate", &one, false),
        ("view_placement", &one, false),
    ] {
        may(&stage.gateway, &jane.user_id(), what, on, expected).await;
    }
    let explain = async |on: &ObjectRef| {
        let request = ExplainRequest { object: Some(on.clone()), ..Default::default() };
        let answer = EffectiveClient::new(stage.gateway.clone()).explain(jane.ask(request)).await;
        answer.map(|a| a.into_inner().allowed)
    };
    assert_eq!(explain(&group).await.unwrap(), ["view", "migrate", "view_placement"]);
    assert_eq!(explain(&one).await.unwrap(), ["view"]);
    assert_eq!(explain(&other).await.unwrap_err().code(), Code::NotFound);
    // What is narrower than a node group is instances and no nodes.
    let narrower = Selector {
        cluster_id: one.cluster_id.clone(),
        node_group: group.uuid.clone(),
        ..tagged(&[WEB])
    };
    for selector in [narrower, tagged(&[WEB])] {
        let refused = stage.give(&stage.admin, "jane", "migrate", selector).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
    }
    let refused = grant(&stage.gateway, &stage.admin, "jane", "create_vm", &group).await;
    assert_eq!(refused.unwrap_err().code(), Code::InvalidArgument);
    stage.take(&stage.admin, &given).await.unwrap();
    may(&stage.gateway, &jane.user_id(), "view_placement", &group, false).await;
}

/// What is known of an instance.
#[derive(Debug, Clone, Default)]
struct Known {
    told: bool,
    group: usize,
    tags: BTreeSet<&'static str>,
    owner: Option<&'static str>,
}

#[derive(Debug, Clone)]
struct Given {
    grant: Grant,
    persona: &'static str,
    permission: Permission,
    cluster: Option<usize>,
    group: Option<usize>,
    owner: Option<&'static str>,
    tags: BTreeSet<&'static str>,
}

impl Given {
    fn selects(&self, cluster: usize, known: &Known) -> bool {
        known.told
            && self.cluster.is_none_or(|c| c == cluster)
            && self.group.is_none_or(|g| g == known.group)
            && self.owner.is_none_or(|o| known.owner == Some(o))
            && self.tags.is_subset(&known.tags)
    }
}

/// Follows as a service does.
struct Following {
    stream: tonic::Streaming<WatchResponse>,
    authz: Authz,
}

impl Following {
    async fn start(peer: &Peer) -> Self {
        let client = AccessClient::new(peer.clone());
        let open = async || client.clone().watch(WatchRequest {}).await;
        let stream = wait_for("the watch to open", PATIENCE, open).await.into_inner();
        Self { stream, authz: Authz::detached(AuthzConfig::default()) }
    }

    async fn until(&mut self, revision: i64) {
        while *self.authz.changes().borrow() < u64::try_from(revision).unwrap() {
            let message = tokio::time::timeout(PATIENCE, self.stream.next()).await;
            let message = message.expect("in time").expect("it goes on").unwrap();
            self.authz.receive(message.revision, message.body.unwrap());
        }
    }
}

fn principal(user: &str) -> Principal {
    Principal {
        user_id: user.parse::<UserId>().unwrap(),
        username: String::new(),
        session_id: None,
        token_id: None,
        restricted: false,
        acting_as: None,
        client_address: String::new(),
        signed: SignedAssertion::default(),
        issued_at: 0,
        expires_at: 0,
    }
}

/// Whatever happens in whatever order, those who follow from the beginning and those who come later decide as going
/// through all grants one by one does.
#[tokio::test]
async fn decisions_and_lists_agree_with_a_naive_model() {
    let seed = rand::random::<u64>();
    println!("seed {seed}");
    let mut random = SmallRng::seed_from_u64(seed);
    let world = World::new().await;
    let stage = Stage::of(&world).await;
    let [jane, bob] = [
        user_person(&stage.gateway, &stage.admin, "jane").await,
        user_person(&stage.gateway, &stage.admin, "bob").await,
    ];
    create(&stage.gateway, &stage.admin, "shop").await.unwrap();
    put(&stage.gateway, &stage.admin, "shop", "jane", false).await.unwrap();
    let of = |user: &str| if user == "jane" { vec!["jane", "group/shop"] } else { vec!["bob"] };
    let first: Vec<ObjectRef> = (0..2).map(|_| instance()).collect();
    let objects: Vec<(usize, ObjectRef)> =
        (0..8).map(|n| (n % 2, neighbour(&first[n % 2]))).collect();
    let groups: Vec<[String; 2]> =
        first.iter().map(|o| [node_group(o).uuid, node_group(o).uuid]).collect();
    let mut known: Vec<Known> = vec![Known::default(); objects.len()];
    let mut given: BTreeMap<String, Given> = BTreeMap::new();
    let pool = world.pool().await;
    let mut following = Following::start(&stage.gateway).await;
    let personas = ["jane", "bob", "group/shop"];
    let owners = ["jane", "group/shop"];

    for _ in 0..20 {
        for _ in 0..4 {
            let n = random.random_range(0..objects.len());
            let (cluster, object) = (objects[n].0, &objects[n].1);
            match random.random_range(0..10) {
                0..4 => {
                    let state = &mut known[n];
                    state.told = true;
                    state.group = random.random_range(0..2);
                    state.tags = [WEB, DB].into_iter().filter(|_| random.random()).collect();
                    let tags: Vec<_> = state.tags.iter().copied().collect();
                    stage.tell(object, &groups[cluster][state.group], &tags).await;
                }
                4 => {
                    known[n].told = false;
                    let gone = Presence { what: "gone".to_owned(), ..traits(object, "", &[]) };
                    stage.news(vec![gone]).await;
                }
                5..7 => {
                    let owner = owners.get(random.random_range(0..3)).copied();
                    known[n].owner = owner;
                    stage.own(object, owner.unwrap_or_default()).await;
                }
                7 if !given.is_empty() => {
                    let id = given.keys().nth(random.random_range(0..given.len())).unwrap().clone();
                    let gone = given.remove(&id).unwrap();
                    stage.take(&stage.admin, &gone.grant).await.unwrap();
                }
                _ => {
                    let cluster = random.random::<bool>().then_some(cluster);
                    let group =
                        cluster.filter(|_| random.random()).map(|_| random.random_range(0..2));
                    let owner = owners.get(random.random_range(0..4)).copied();
                    let tags: BTreeSet<_> =
                        [WEB, DB].into_iter().filter(|_| random.random()).collect();
                    let persona = personas[random.random_range(0..personas.len())];
                    let permission = [Permission::View, Permission::Power, Permission::Tags]
                        [random.random_range(0..3)];
                    let selector = Selector {
                        cluster_id: cluster
                            .map(|c| first[c].cluster_id.clone())
                            .unwrap_or_default(),
                        node_group: group
                            .map(|g| groups[cluster.unwrap()][g].clone())
                            .unwrap_or_default(),
                        owner: owner.unwrap_or_default().to_owned(),
                        tags: tags.iter().map(|t| (*t).to_owned()).collect(),
                        ..Selector::default()
                    };
                    let role = permission.as_str();
                    let grant = if owner.is_none() && tags.is_empty() {
                        let Some(group) = group else { continue };
                        let object = ObjectRef {
                            kind: "node_group".to_owned(),
                            cluster_id: first[cluster.unwrap()].cluster_id.clone(),
                            uuid: groups[cluster.unwrap()][group].clone(),
                        };
                        grant(&stage.gateway, &stage.admin, persona, role, &object).await.unwrap()
                    } else {
                        stage.give(&stage.admin, persona, role, selector).await.unwrap()
                    };
                    let id = grant.grant_id.clone();
                    given.insert(
                        id,
                        Given { grant, persona, permission, cluster, group, owner, tags },
                    );
                }
            }
        }
        let revision: i64 =
            sqlx::query_scalar("select value from access_revision").fetch_one(&pool).await.unwrap();
        following.until(revision).await;
        let mut late = Following::start(&stage.gateway).await;
        late.until(revision).await;
        for (user, id) in [("jane", jane.user_id()), ("bob", bob.user_id())] {
            let whom = principal(&id);
            for permission in [Permission::View, Permission::Console, Permission::Tags] {
                let holds = |n: usize| {
                    given.values().any(|g| {
                        of(user).contains(&g.persona)
                            && g.permission.closure().contains(permission)
                            && g.selects(objects[n].0, &known[n])
                    })
                };
                let wanted: BTreeSet<(ClusterId, InstanceUuid)> =
                    (0..objects.len()).filter(|n| holds(*n)).map(|n| key(&objects[n].1)).collect();
                for authz in [&following.authz, &late.authz] {
                    let Scope::Limited { clusters, instances, .. } = authz.scope(&whom, permission)
                    else {
                        panic!("nobody holds it everywhere");
                    };
                    assert!(clusters.is_empty());
                    assert_eq!(
                        instances.iter().copied().collect::<BTreeSet<_>>(),
                        wanted,
                        "{user} {permission}"
                    );
                    assert_eq!(instances.len(), wanted.len(), "each once");
                    for (_, object) in &objects {
                        let (c, u) = key(object);
                        let allowed = authz.allows(&whom, permission, Object::Instance(c, u));
                        assert_eq!(allowed, wanted.contains(&(c, u)), "{user} {permission}");
                    }
                }
            }
        }
    }
}

fn key(object: &ObjectRef) -> (ClusterId, InstanceUuid) {
    (object.cluster_id.parse().unwrap(), object.uuid.parse().unwrap())
}
