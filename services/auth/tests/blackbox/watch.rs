use std::collections::{HashMap, HashSet};
use std::time::Duration;

use gwm_authz::{Authz, AuthzConfig, Mode, Rights};
use gwm_kernel::grpc::Peer;
use gwm_proto::auth::access_client::AccessClient;
use gwm_proto::auth::grants_client::GrantsClient;
use gwm_proto::auth::watch_response::Body;
use gwm_proto::auth::{
    BatchCheckRequest, Change, CheckRequest, RemoveGrantRequest, UserRights, WatchRequest,
    WatchResponse,
};
use gwm_testkit::wait_for;
use tokio_stream::StreamExt;

use crate::proxy::{Line, Proxy};
use crate::world::{PATIENCE, World, admin, grant, instance, reason, user, user_person};

/// One open watch, and what it has told so far: tests wait for a state, not for a message.
pub(crate) struct Watching {
    stream: tonic::Streaming<WatchResponse>,
    revision: u64,
    users: HashMap<String, UserRights>,
    ended: HashSet<String>,
}

impl Watching {
    /// Opened as soon as the service lets it.
    pub(crate) async fn start(peer: &Peer) -> Self {
        let client = AccessClient::new(peer.clone());
        let open = async || client.clone().watch(WatchRequest {}).await;
        let stream = wait_for("the watch to open", PATIENCE, open).await.into_inner();
        Self { stream, revision: 0, users: HashMap::new(), ended: HashSet::new() }
    }

    /// The next message; none when the stream is over.
    pub(crate) async fn next(&mut self) -> Option<(u64, Body)> {
        let message = tokio::time::timeout(PATIENCE, self.stream.next()).await;
        let message = message.expect("a message in time")?.ok()?;
        assert!(message.revision >= self.revision, "revisions never go back");
        self.revision = message.revision;
        let body = message.body.unwrap();
        let (users, sessions, tokens) = match body.clone() {
            Body::Snapshot(s) => {
                self.users.clear();
                (s.users, s.ended_sessions, s.revoked_tokens)
            }
            Body::Change(c) => (c.users, c.ended_sessions, c.revoked_tokens),
            Body::Heartbeat(_) => (Vec::new(), Vec::new(), Vec::new()),
        };
        let holder = |u: &UserRights| {
            if u.token_id.is_empty() { u.user_id.clone() } else { u.token_id.clone() }
        };
        self.users.extend(users.into_iter().map(|u| (holder(&u), u)));
        self.ended.extend(sessions.into_iter().chain(tokens));
        Some((message.revision, body))
    }

    /// All rights as told so far.
    pub(crate) fn rights(&self) -> Rights {
        let mut rights = Rights::default();
        let users = self.users.values().cloned().collect();
        rights.apply(self.revision, Change { users, ..Change::default() });
        rights
    }

    /// Waits until a session or a token has ended.
    pub(crate) async fn until_ended(&mut self, id: &str) {
        self.until(|told| told.ended.contains(id)).await;
    }

    /// Waits until the rights of a user, or of a restricted token, satisfy something; yields the revision.
    pub(crate) async fn until_user(
        &mut self,
        user: &str,
        wanted: impl Fn(&UserRights) -> bool,
    ) -> u64 {
        self.until(|told| told.users.get(user).is_some_and(&wanted)).await
    }

    async fn until(&mut self, wanted: impl Fn(&Self) -> bool) -> u64 {
        let search = async {
            while !wanted(self) {
                self.next().await.expect("the watch goes on");
            }
            self.revision
        };
        tokio::time::timeout(PATIENCE, search).await.expect("it is told in time")
    }
}

#[tokio::test]
async fn a_right_revoked_on_one_replica_is_gone_for_the_watchers_of_the_other() {
    let world = World::new().await;
    let (one, two) = tokio::join!(world.replica("a"), world.replica("b"));
    let gateway = world.gateway(&one).await;
    let admin = admin(&gateway).await;
    let jane = user(&gateway, &admin, "jane").await;
    let mut watching = Watching::start(&world.peer(&two, "cache-updater").await).await;

    let object = instance();
    let granted = grant(&gateway, &admin, "jane", "power", &object).await.unwrap();
    let added = watching.until_user(&jane.user_id, |u| u.rights.len() == 1).await;
    let mut grants = GrantsClient::new(gateway.clone());
    let remove = RemoveGrantRequest { grant_id: granted.grant_id };
    grants.remove_grant(admin.ask(remove)).await.unwrap();
    let removed = watching.until_user(&jane.user_id, |u| u.rights.is_empty()).await;
    assert!(removed > added);
}

#[tokio::test]
async fn a_change_reaches_watchers_without_a_notification_too() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    let admin = admin(&gateway).await;
    let jane = user(&gateway, &admin, "jane").await;
    let mut watching = Watching::start(&world.peer(&replica, "cache-updater").await).await;
    sqlx::query("alter table change_log disable trigger user")
        .execute(&world.pool().await)
        .await
        .unwrap();
    grant(&gateway, &admin, "jane", "view", &instance()).await.unwrap();
    watching.until_user(&jane.user_id, |u| u.rights.len() == 1).await;
}

#[tokio::test]
async fn a_replica_that_fell_behind_the_log_tells_everything_anew() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    let admin = admin(&gateway).await;
    let jane = user(&gateway, &admin, "jane").await;
    let mut watching = Watching::start(&world.peer(&replica, "cache-updater").await).await;
    watching.next().await.unwrap();
    // As after a purge: the number moved on, and the log does not say what happened.
    sqlx::query(
        "with gone as (update app_user set disabled = true where username = 'jane')
         update access_revision set value = value + 5",
    )
    .execute(&world.pool().await)
    .await
    .unwrap();
    watching.until_user(&jane.user_id, |u| u.disabled).await;
}

#[tokio::test]
async fn checks_answer_from_the_same_rights() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    let admin = admin(&gateway).await;
    let jane = user(&gateway, &admin, "jane").await;
    let object = instance();
    grant(&gateway, &admin, "jane", "console", &object).await.unwrap();
    let mut watching = Watching::start(&world.peer(&replica, "vnc-proxy").await).await;
    watching.until_user(&jane.user_id, |u| u.rights.len() == 1).await;

    let check = |user: &str, permission: &str, object| CheckRequest {
        user_id: user.to_owned(),
        permission: permission.to_owned(),
        object,
    };
    let cluster = crate::world::cluster_of(&object);
    let checks = vec![
        check(&jane.user_id, "view", Some(object.clone())),
        check(&jane.user_id, "power", Some(object.clone())),
        check(&jane.user_id, "view", Some(cluster.clone())),
        check(&jane.user_id, "view", Some(instance())),
        check(&admin.user_id(), "admin", None),
        check(&jane.user_id, "admin", None),
        check(&uuid::Uuid::now_v7().to_string(), "view", Some(object.clone())),
    ];
    let mut access = AccessClient::new(world.peer(&replica, "vnc-proxy").await);
    let answers = access.batch_check(BatchCheckRequest { checks }).await.unwrap().into_inner();
    let told: Vec<_> = answers.results.iter().map(|r| (r.allowed, r.visible)).collect();
    let expected = [
        (true, true),
        (false, true),
        (false, true),
        (false, false),
        (true, true),
        (false, false),
        (false, false),
    ];
    assert_eq!(told, expected);
    let bad = access.check(check(&jane.user_id, "fly", Some(object))).await.unwrap_err();
    assert_eq!(bad.code(), tonic::Code::InvalidArgument);
    let bad = access.check(check("../x", "view", Some(cluster))).await.unwrap_err();
    assert_eq!(bad.code(), tonic::Code::InvalidArgument);
}

#[tokio::test]
async fn a_replica_that_can_not_see_the_database_falls_silent_and_comes_back() {
    let mut world = World::new().await;
    let proxy = Proxy::to(world.database_port()).await;
    world.through(proxy.address);
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    let admin = admin(&gateway).await;
    let peer = world.peer(&replica, "job-runner").await;

    for how in [Line::Hangs, Line::Cut] {
        let mut watching = Watching::start(&peer).await;
        let authz = Authz::detached(AuthzConfig::default());
        let (revision, body) = watching.next().await.unwrap();
        authz.receive(revision, body);
        proxy.set(how);
        // Another service: writes are refused once nothing comes, while the stream stays open.
        let silence = Duration::from_millis(1600);
        let begun = std::time::Instant::now();
        while let Ok(message) = tokio::time::timeout(silence, watching.stream.next()).await {
            let message = message.expect("the stream stays open").unwrap();
            authz.receive(message.revision, message.body.unwrap());
            assert!(begun.elapsed() < PATIENCE, "it goes on talking while its database {how:?}");
        }
        assert!(authz.fresh(Mode::Write).is_err(), "{how:?}");
        assert!(authz.fresh(Mode::Read).is_ok(), "{how:?}");
        let again = AccessClient::new(peer.clone()).watch(WatchRequest {}).await.unwrap_err();
        assert_eq!(reason(&again), "auth_unavailable", "{how:?}");
        let text = replica.admin("/readyz").await.unwrap();
        assert!(text.starts_with("HTTP/1.1 503") && text.contains("database"), "{text}");

        proxy.set(Line::Open);
        let (revision, body) = watching.next().await.unwrap();
        authz.receive(revision, body);
        assert!(authz.fresh(Mode::Write).is_ok(), "{how:?}");
        replica.ready().await;
    }
    // And all works as before.
    let jane = user_person(&gateway, &admin, "jane").await;
    assert!(!jane.resolved.signature.is_empty());
}

#[tokio::test]
async fn a_replica_that_is_told_to_end_ends_its_watches_and_goes_cleanly() {
    let world = World::new().await;
    let mut replica = world.replica("a").await;
    let mut watching = Watching::start(&world.peer(&replica, "job-runner").await).await;
    watching.next().await.unwrap();
    replica.process.signal("TERM").unwrap();
    while watching.next().await.is_some() {}
    let status = replica.process.wait(PATIENCE).await.unwrap();
    assert_eq!(status.code(), Some(0), "{}", replica.process.log_tail(20));
}
