//! Notes: who reads and changes them, what is told of them, and how long they stay.

use gwm_proto::cache::{
    ChangeNotesRequest, ListMissingRequest, Notes, PurgeMissingRequest, RestoreNotesRequest,
};
use gwm_rapi_sim::Outside;
use gwm_testkit::wait_for;
use tonic::{Code, Status};

use crate::auth::Person;
use crate::world::{PATIENCE, Replica, World, object, reason};

async fn change(
    replica: &Replica,
    person: &Person,
    instance: &str,
    text: &str,
    revision: Option<u32>,
) -> Result<Notes, Status> {
    let asked = ChangeNotesRequest {
        cluster: "one".to_owned(),
        instance: instance.to_owned(),
        text: text.to_owned(),
        revision,
    };
    let answer = replica.notes().change_notes(person.ask(asked)).await;
    answer.map(tonic::Response::into_inner)
}

#[tokio::test]
async fn notes_are_read_by_who_sees_the_instance_and_changed_by_who_may_change_it() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let cluster = world.add(&replica).await;
    let all = world.list(&replica, "").await.instances;
    let one = &all[0];
    let customer = world.person(&replica, "admin", object("instance", &cluster, &one.uuid)).await;
    let viewer = world.person(&replica, "view", object("instance", &cluster, &one.uuid)).await;
    let other = world.person(&replica, "admin", object("instance", &cluster, &all[1].uuid)).await;
    assert_eq!(replica.instance(&viewer, &one.name).await.unwrap().notes, None);

    let text = "Belongs to <b>billing</b>.\nAsk dora\u{1f511} before a reboot.";
    let written = change(&replica, &customer, &one.name, &format!("{text}\r\n"), Some(0)).await;
    let written = written.unwrap();
    assert_eq!((written.text.as_str(), written.revision), (text, 1));
    let read = replica.instance(&viewer, &one.name).await.unwrap().notes.unwrap();
    assert_eq!(read, written);

    let refused = change(&replica, &viewer, &one.name, "mine", None).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    for hidden in [
        change(&replica, &other, &one.uuid, "mine", None).await,
        change(&replica, &world.admin, "no-such", "mine", None).await,
    ] {
        assert_eq!(hidden.unwrap_err().code(), Code::NotFound);
    }
    let overtaken = change(&replica, &world.admin, &one.name, "theirs", Some(0)).await.unwrap_err();
    assert_eq!(reason(&overtaken), "notes_changed");
    for wrong in ["a\0b".to_owned(), "x".repeat(16_385)] {
        let refused = change(&replica, &customer, &one.name, &wrong, None).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
    }
    assert_eq!(replica.instance(&viewer, &one.name).await.unwrap().notes.unwrap(), written);

    // Told once: what is the same is no change. What they say is in no event and no record.
    change(&replica, &customer, &one.name, text, None).await.unwrap();
    let event = world.wait_told("instance.notes_changed", &one.name).await;
    assert_eq!(event["data"]["changed"], serde_json::json!({"notes_revision": 0}));
    assert_eq!(world.told("instance.notes_changed", &one.name).await, 1);
    let now = replica.instance(&viewer, &one.name).await.unwrap().instance.unwrap();
    assert_eq!(
        (now.revision, event["sequence"].as_str()),
        (one.revision + 1, Some(&*format!("{:020}", now.revision)))
    );
    let pool = world.pool().await;
    let records: Vec<String> = sqlx::query_scalar(
        r#"select payload from outbox where payload like '%"action":"instance.notes"%'"#,
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert_eq!(records.len(), 1, "{records:?}");
    let said: i64 =
        sqlx::query_scalar("select count(*) from outbox where payload like '%billing%'")
            .fetch_one(&pool)
            .await
            .unwrap();
    assert_eq!(said, 0);
    for q in ["billing", "dora"] {
        assert!(world.list(&replica, q).await.instances.is_empty(), "found by {q}");
    }
}

#[tokio::test]
async fn kept_notes_are_given_once_to_the_one_that_has_the_name_now() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let cluster = world.add(&replica).await;
    let [one, other] = &world.list(&replica, "").await.instances[..2] else { panic!() };
    change(&replica, &world.admin, &one.name, "keep", None).await.unwrap();
    world.cluster().outside(Outside::Recreate { instance: one.name.clone() }).await.unwrap();
    let heir = wait_for("the new one", PATIENCE, async || {
        let found = replica.instance(&world.admin, &one.name).await.map_err(|e| e.to_string())?;
        let found = found.instance.ok_or("nothing")?;
        if found.uuid == one.uuid { Err("the old one".to_owned()) } else { Ok(found) }
    })
    .await;
    let restore = async |person: &Person, to: &str| {
        let asked = RestoreNotesRequest {
            from: Some(object("instance", &cluster, &one.uuid)),
            to: Some(object("instance", &cluster, to)),
        };
        let answer = replica.imports().restore_notes(person.ask(asked)).await;
        answer.map(|answer| answer.into_inner().outcome)
    };
    let kept = async || {
        let request = world.admin.ask(ListMissingRequest::default());
        let listed = replica.imports().list_missing(request).await.unwrap().into_inner();
        listed.objects.iter().any(|o| o.uuid == one.uuid && o.notes)
    };
    // Its tombstone is there as soon as the new one is.
    assert!(kept().await);
    let owner = world.person(&replica, "admin", object("instance", &cluster, &heir.uuid)).await;
    assert_eq!(restore(&owner, &heir.uuid).await.unwrap_err().code(), Code::PermissionDenied);
    assert_eq!(restore(&world.admin, &other.uuid).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(restore(&world.admin, &one.uuid).await.unwrap_err().code(), Code::NotFound);

    // What somebody wrote down since is not lost.
    change(&replica, &world.admin, &heir.name, "mine", None).await.unwrap();
    assert!(!kept().await, "nothing that the successor could get");
    assert_eq!(restore(&world.admin, &heir.uuid).await.unwrap(), "has_own");
    let now = async || replica.instance(&world.admin, &heir.name).await.unwrap().notes.unwrap();
    assert_eq!(now().await.text, "mine");
    change(&replica, &world.admin, &heir.name, "", None).await.unwrap();

    assert_eq!(restore(&world.admin, &heir.uuid).await.unwrap(), "restored");
    assert_eq!((now().await.text.as_str(), now().await.revision), ("keep", 3));
    world.wait_told("instance.notes_changed", &heir.name).await;
    assert_eq!(restore(&world.admin, &heir.uuid).await.unwrap(), "none");
    assert!(!kept().await);
}

#[tokio::test]
async fn notes_outlive_polls_and_stay_until_the_tombstone_is_purged() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let cluster = world.add(&replica).await;
    let one = world.list(&replica, "").await.instances[0].clone();
    change(&replica, &world.admin, &one.name, "keep", None).await.unwrap();
    world.polled(&replica).await;
    let kept = replica.instance(&world.admin, &one.name).await.unwrap().notes.unwrap();
    assert_eq!(kept.text, "keep");

    world.cluster().outside(Outside::Recreate { instance: one.name.clone() }).await.unwrap();
    let heir = wait_for("the new one", PATIENCE, async || {
        let found = replica.instance(&world.admin, &one.name).await.map_err(|e| e.to_string())?;
        let new = found.instance.as_ref().is_some_and(|i| i.uuid != one.uuid);
        if new { Ok(found) } else { Err("the old one".to_owned()) }
    })
    .await;
    assert_eq!(heir.notes, None, "notes never go by name");
    let pool = world.pool().await;
    let left = async || -> i64 {
        let sql = "select count(*) from instance_notes";
        sqlx::query_scalar(sql).fetch_one(&pool).await.unwrap()
    };
    assert_eq!(left().await, 1);
    let purge = PurgeMissingRequest { object: Some(object("instance", &cluster, &one.uuid)) };
    wait_for("the purge", PATIENCE, async || {
        let asked = world.admin.ask(purge.clone());
        replica.imports().purge_missing(asked).await.map_err(|e| e.to_string())
    })
    .await;
    assert_eq!(left().await, 0);
}
