use gwm_kernel::grpc::Peer;
use gwm_proto::auth::personas_client::PersonasClient;
use gwm_proto::auth::resolve_request::Credential;
use gwm_proto::auth::{Assertion, ResolveResponse, SwitchPersonaRequest};
use prost::Message;
use tonic::{Code, Status};

use crate::groups::{create, put, take_out};
use crate::settle::settle_as;
use crate::watch::Watching;
use crate::world::{
    Person, World, admin, cluster_of, grant, instance, reason, resolve_as, user_person,
};

async fn switch(peer: &Peer, who: &Person, persona: &str) -> Result<(), Status> {
    let request = SwitchPersonaRequest { persona: persona.to_owned() };
    PersonasClient::new(peer.clone()).switch_persona(who.ask(request)).await.map(drop)
}

async fn resolve(peer: &Peer, who: &Person, act_as: &str) -> Result<ResolveResponse, Status> {
    resolve_as(peer, Credential::SessionToken(who.session_token.clone()), act_as).await
}

/// Whom the assertion says that somebody acts as.
async fn acts_as(peer: &Peer, who: &Person, act_as: &str) -> String {
    let resolved = resolve(peer, who, act_as).await.unwrap();
    Assertion::decode(resolved.assertion.as_slice()).unwrap().acting_as_name
}

#[tokio::test]
async fn who_belongs_to_a_group_acts_as_it_until_they_leave() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let peer = world.gateway(&replica).await;
    let admin = admin(&peer).await;
    let ann = user_person(&peer, &admin, "ann").await;
    let _bob = user_person(&peer, &admin, "bob").await;
    for group in ["shop", "ops"] {
        let _made = create(&peer, &admin, group).await.unwrap();
    }
    let _in = put(&peer, &admin, "shop", "ann", false).await.unwrap();

    // By name, on each request.
    assert_eq!(acts_as(&peer, &ann, "").await, "");
    assert_eq!(acts_as(&peer, &ann, "user/ann").await, "");
    assert_eq!(acts_as(&peer, &ann, "group/shop").await, "shop");
    for other in ["group/ops", "group/none", "user/bob"] {
        let refused = resolve(&peer, &ann, other).await.unwrap_err();
        assert_eq!((refused.code(), &*reason(&refused)), (Code::PermissionDenied, "not_a_member"));
    }
    let refused = resolve(&peer, &ann, "role/x").await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);

    // The session's own, until it is switched back.
    switch(&peer, &ann, "group/shop").await.unwrap();
    assert_eq!(acts_as(&peer, &ann, "").await, "shop");
    assert_eq!(acts_as(&peer, &ann, "user/ann").await, "");
    assert_eq!(reason(&switch(&peer, &ann, "group/ops").await.unwrap_err()), "not_a_member");
    switch(&peer, &ann, "").await.unwrap();
    assert_eq!(acts_as(&peer, &ann, "").await, "");

    // Who has left acts as themself, also when they are back.
    switch(&peer, &ann, "group/shop").await.unwrap();
    take_out(&peer, &admin, "shop", "ann").await.unwrap();
    assert_eq!(acts_as(&peer, &ann, "").await, "");
    assert_eq!(reason(&resolve(&peer, &ann, "group/shop").await.unwrap_err()), "not_a_member");
    let _back = put(&peer, &admin, "shop", "ann", false).await.unwrap();
    assert_eq!(acts_as(&peer, &ann, "").await, "");

    // All of it is on record: what was refused, and as whom it was switched.
    let pool = world.pool().await;
    let records: Vec<(String, i64)> = sqlx::query_as(
        "select record::jsonb->>'outcome', count(*) from audit_record
         where record::jsonb->>'action' = 'session.act_as' group by 1 order by 1",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert_eq!(records, [("refused".to_owned(), 5), ("succeeded".to_owned(), 3)]);
}

#[tokio::test]
async fn a_persona_creates_by_what_it_holds_itself_and_owns_what_was_made() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let peer = world.gateway(&replica).await;
    let jobs = world.peer(&replica, "job-runner").await;
    let admin = admin(&peer).await;
    let ann = user_person(&peer, &admin, "ann").await;
    let shop = create(&peer, &admin, "shop").await.unwrap();
    let _in = put(&peer, &admin, "shop", "ann", false).await.unwrap();
    let object = instance();
    let cluster = cluster_of(&object);
    let mut watching = Watching::start(&jobs).await;

    grant(&peer, &admin, "group/shop", "create_vm", &cluster).await.unwrap();
    watching
        .until_user(&ann.user_id(), |u| {
            u.groups.len() == 1
                && u.create_vm.len() == 1
                && u.create_vm[0].persona_id == shop.group_id
                && u.create_vm[0].object.as_ref() == Some(&cluster)
        })
        .await;
    grant(&peer, &admin, "ann", "admin", &cluster).await.unwrap();
    watching.until_user(&ann.user_id(), |u| u.create_vm.len() == 2).await;
    // What can be done to one instance creates nothing.
    grant(&peer, &admin, "ann", "admin", &object).await.unwrap();
    watching.until_user(&ann.user_id(), |u| u.rights.len() == 3 && u.create_vm.len() == 2).await;

    // Made as the group: the group's, also when ann has left it meanwhile.
    take_out(&peer, &admin, "shop", "ann").await.unwrap();
    watching.until_user(&ann.user_id(), |u| u.groups.is_empty() && u.create_vm.len() == 1).await;
    let job = uuid::Uuid::now_v7().to_string();
    let asked_by = (&*ann.user_id(), &*shop.group_id);
    settle_as(&jobs, &job, "created", &instance(), asked_by).await.unwrap();
    let pool = world.pool().await;
    let owners: Vec<(String, String)> = sqlx::query_as(
        "select owner_kind, persona_kind from instance_owner
             join permission_grant g using (cluster_id, instance_uuid)
         where owner_id = persona_id and role = 'admin'",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert_eq!(owners, [("group".to_owned(), "group".to_owned())]);
    // A group that is gone gets nothing, and neither does who acted as it.
    let nobody = (&*ann.user_id(), &*uuid::Uuid::now_v7().to_string());
    let job = uuid::Uuid::now_v7().to_string();
    settle_as(&jobs, &job, "created", &instance(), nobody).await.unwrap();
    let owned: i64 =
        sqlx::query_scalar("select count(*) from instance_owner").fetch_one(&pool).await.unwrap();
    assert_eq!(owned, 1);
}
