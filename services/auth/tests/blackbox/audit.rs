//! Reading the audit log: who sees what, the filter, the pages.

use gwm_events::types::audit::Record;
use gwm_kernel::grpc::Peer;
use gwm_proto::auth::audit_client::AuditClient;
use gwm_proto::auth::grants_client::GrantsClient;
use gwm_proto::auth::{ListRecordsRequest, ListRecordsResponse, RemoveGrantRequest};
use gwm_proto::common::{CompleteRequest, PageRequest};
use tonic::{Code, Status};

use crate::groups::{create, may, put};
use crate::world::{
    Person, World, admin, cluster_of, grant, instance, reason, try_login, user_person,
};

async fn ask(
    peer: &Peer,
    person: &Person,
    page: PageRequest,
) -> Result<ListRecordsResponse, Status> {
    let request = person.ask(ListRecordsRequest { page: Some(page) });
    Ok(AuditClient::new(peer.clone()).list_records(request).await?.into_inner())
}

fn q(text: &str) -> PageRequest {
    PageRequest { q: text.to_owned(), ..Default::default() }
}

fn records(answer: &ListRecordsResponse) -> Vec<Record> {
    answer.records.iter().map(|text| serde_json::from_str(text).unwrap()).collect()
}

async fn found(peer: &Peer, person: &Person, text: &str) -> Vec<Record> {
    records(&ask(peer, person, q(text)).await.unwrap())
}

#[tokio::test]
async fn an_administrator_reads_all_and_everybody_what_they_did() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    let admin = admin(&gateway).await;
    let jane = user_person(&gateway, &admin, "jane").await;
    let joe = user_person(&gateway, &admin, "joe").await;
    let object = instance();
    grant(&gateway, &admin, "jane", "view", &object).await.unwrap();
    // Refused, and on record as joe's.
    grant(&gateway, &joe, "joe", "view", &object).await.unwrap_err();

    let all = found(&gateway, &admin, "").await;
    assert!(all.windows(2).all(|pair| pair[0].number > pair[1].number), "newest first");
    let who = |r: &Record| r.person.as_ref().and_then(|p| p.username.clone()).unwrap_or_default();
    assert!(all.iter().any(|r| who(r) == "jane") && all.iter().any(|r| who(r) == "admin"));
    for (person, name) in [(&jane, "jane"), (&joe, "joe")] {
        let own = found(&gateway, person, "").await;
        assert!(!own.is_empty() && own.iter().all(|r| who(r) == name), "{own:?}");
        // No filter widens it, and no total tells of more.
        assert!(
            found(&gateway, person, "actor:admin or -actor:admin or at<1d").await.len()
                == own.len()
        );
        let answer = ask(&gateway, person, q("")).await.unwrap();
        assert_eq!(answer.page.unwrap().total, own.len() as u64);
        assert!(found(&gateway, person, "actor:admin").await.is_empty());
    }
    // What is suggested is of one's own records, too.
    let request =
        jane.ask(CompleteRequest { list: "audit".to_owned(), q: "actor:".to_owned(), at: 6 });
    let said = AuditClient::new(gateway.clone()).complete_records(request).await.unwrap();
    let said: Vec<String> = said.into_inner().suggestions.into_iter().map(|s| s.text).collect();
    assert!(said.iter().any(|s| s.contains("jane")), "{said:?}");
    assert!(!said.iter().any(|s| s.contains("admin")), "{said:?}");

    // Each field finds, whatever the case it is written in.
    let refused = found(&gateway, &admin, "actor:JOE outcome:refused action:grant.*").await;
    assert_eq!(refused.len(), 1, "{refused:?}");
    let one = &refused[0];
    assert_eq!(one.reason.as_deref(), Some("permission_denied"));
    let request_id = one.request_id.clone().unwrap_or_default();
    if !request_id.is_empty() {
        assert_eq!(found(&gateway, &admin, &format!("request:{request_id}")).await.len(), 1);
    }
    let given = found(&gateway, &admin, "action=grant.add outcome:succeeded").await;
    let id = given[0].object.clone().unwrap().id.unwrap();
    // What was done to it, and what was refused.
    assert_eq!(found(&gateway, &admin, &format!("uuid:{id}")).await.len(), 2);
    assert!(!found(&gateway, &admin, "address:192.0.2.7 service:auth kind:user").await.is_empty());
    assert!(found(&gateway, &admin, "at>1d").await.is_empty());

    let wrong = ask(&gateway, &admin, q("colour:red")).await.unwrap_err();
    assert_eq!(wrong.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn pages_follow_each_other_without_gaps_and_a_cursor_is_one_persons() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    let admin = admin(&gateway).await;
    let jane = user_person(&gateway, &admin, "jane").await;
    for _ in 0..7 {
        grant(&gateway, &jane, "jane", "view", &instance()).await.unwrap_err();
    }
    for sort in ["", "at"] {
        let whole = ask(&gateway, &admin, PageRequest { sort: sort.to_owned(), ..q("actor:jane") });
        let whole: Vec<u64> = records(&whole.await.unwrap()).iter().map(|r| r.number).collect();
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = PageRequest {
                q: "actor:jane".to_owned(),
                sort: sort.to_owned(),
                limit: 3,
                cursor: cursor.clone(),
            };
            let answer = ask(&gateway, &admin, page.clone()).await.unwrap();
            seen.extend(records(&answer).iter().map(|r| r.number));
            let info = answer.page.unwrap();
            assert_eq!(info.total, whole.len() as u64);
            if info.next_cursor.is_empty() {
                break;
            }
            cursor = info.next_cursor;
            let foreign = ask(&gateway, &jane, PageRequest { cursor: cursor.clone(), ..page });
            assert_eq!(reason(&foreign.await.unwrap_err()), "invalid_cursor");
        }
        assert_eq!(seen, whole, "by {sort:?}");
    }
}

#[tokio::test]
async fn a_user_name_with_a_nul_is_put_on_record_and_found() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    let admin = admin(&gateway).await;
    let refused = try_login(&gateway, "ma\0ry\\u0000", "wrong-password").await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated, "{refused:?}");
    let found = found(&gateway, &admin, "actor:ma*").await;
    let name = found[0].person.clone().unwrap().username.unwrap();
    assert_eq!(name, "ma\0ry\\u0000", "the record itself is as it happened");
}

#[tokio::test]
async fn what_is_given_is_on_record_with_its_object_and_with_who_gets_it() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    let admin = admin(&gateway).await;
    let jane = user_person(&gateway, &admin, "jane").await;
    let object = instance();
    let given = grant(&gateway, &admin, "jane", "power", &object).await.unwrap();
    let request = RemoveGrantRequest { grant_id: given.grant_id };
    GrantsClient::new(gateway.clone()).remove_grant(admin.ask(request)).await.unwrap();
    create(&gateway, &admin, "shop").await.unwrap();
    put(&gateway, &admin, "shop", "jane", true).await.unwrap();

    let of_object = found(&gateway, &admin, &format!("uuid=\"{}\"", object.uuid)).await;
    let of_jane = found(&gateway, &admin, &format!("persona_id=\"{}\"", jane.user_id())).await;
    let actions = |records: &[Record]| -> Vec<String> {
        records.iter().map(|record| record.action.clone()).collect()
    };
    assert_eq!(actions(&of_object), ["grant.remove", "grant.add"]);
    assert_eq!(actions(&of_jane), ["group.set_member", "grant.remove", "grant.add"]);
    for record in &of_object {
        let on = record.object.clone().unwrap();
        assert_eq!((on.kind.as_str(), on.name.as_deref()), ("instance", Some("web1")));
        assert_eq!(record.cluster.as_deref(), Some("fra1"));
        assert_eq!(record.details["role"], "power");
        assert_eq!(record.details["persona"], "user/jane");
    }
}

#[tokio::test]
async fn who_administers_something_reads_what_is_on_record_about_it() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let peer = world.gateway(&replica).await;
    let admin = admin(&peer).await;
    let ann = user_person(&peer, &admin, "ann").await;
    let bob = user_person(&peer, &admin, "bob").await;
    let carla = user_person(&peer, &admin, "carla").await;
    let (web, db) = (instance(), instance());
    let there = cluster_of(&web);
    let anns = grant(&peer, &admin, "ann", "admin", &web).await.unwrap();
    let _all = grant(&peer, &admin, "bob", "admin", &there).await.unwrap();
    let _some = grant(&peer, &admin, "carla", "power", &web).await.unwrap();
    let _other = grant(&peer, &admin, "carla", "view", &db).await.unwrap();
    may(&peer, &ann.user_id(), "admin", &web, true).await;
    may(&peer, &bob.user_id(), "admin", &there, true).await;

    let of = |records: Vec<Record>| -> Vec<Record> {
        records.into_iter().filter(|r| r.action == "grant.add").collect()
    };
    let objects = |records: &[Record]| {
        let mut ids: Vec<String> =
            records.iter().filter_map(|r| r.object.as_ref()?.id.clone()).collect();
        ids.sort();
        ids
    };
    let anns_view = of(found(&peer, &ann, "").await);
    assert_eq!(objects(&anns_view), [web.uuid.clone(), web.uuid.clone()]);
    let bobs_view = of(found(&peer, &bob, "").await);
    let mut everything = [web.uuid.clone(), web.uuid.clone(), there.cluster_id.clone()];
    everything.sort();
    assert_eq!(objects(&bobs_view), everything);
    // `power` is no administration, and what is elsewhere is nobody's but the administrator's.
    assert!(of(found(&peer, &carla, "").await).is_empty());
    assert_eq!(of(found(&peer, &admin, "").await).len(), 4);

    for record in anns_view.iter().chain(&bobs_view) {
        let who = record.person.as_ref().unwrap();
        assert_eq!(who.username.as_deref(), Some("admin"));
        assert!(who.client_address.is_none() && who.session_id.is_none(), "from where is not told");
        assert!(record.hash.is_none(), "nobody could check it");
    }
    assert!(anns_view.iter().all(|r| r.details.is_empty()), "details may name nodes");
    assert!(bobs_view.iter().all(|r| r.details["role"].is_string()), "who sees nodes reads them");
    // No filter and no suggestion tells what is left out.
    for q in ["address:192.0.2.7 -actor:ann", "actor:admin address:1*"] {
        assert!(found(&peer, &ann, q).await.is_empty(), "{q}");
    }
    let ask = CompleteRequest { q: "address:".to_owned(), at: 8, ..Default::default() };
    let known = AuditClient::new(peer.clone()).complete_records(bob.ask(ask)).await.unwrap();
    assert!(
        known.into_inner().suggestions.iter().all(|s| s.text.contains("192.0.2.7")),
        "only bob's own"
    );

    // With the right it goes.
    let gone = RemoveGrantRequest { grant_id: anns.grant_id };
    GrantsClient::new(peer.clone()).remove_grant(admin.ask(gone)).await.unwrap();
    may(&peer, &ann.user_id(), "admin", &web, false).await;
    assert!(of(found(&peer, &ann, "").await).is_empty());
}
