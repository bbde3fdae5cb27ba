use gwm_proto::auth::views_client::ViewsClient;
use gwm_proto::auth::{DeleteViewRequest, ListViewsRequest, SaveViewRequest};
use tonic::Code;

use crate::world::{World, admin, reason, user_person};

fn save(name: &str, q: &str, is_default: bool) -> SaveViewRequest {
    SaveViewRequest {
        list: "instances".to_owned(),
        name: name.to_owned(),
        q: q.to_owned(),
        sort: "-memory".to_owned(),
        columns: vec!["node".to_owned(), "os".to_owned()],
        is_default,
    }
}

#[tokio::test]
async fn views_are_kept_replaced_by_name_and_nobody_elses() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    let admin = admin(&gateway).await;
    let jane = user_person(&gateway, &admin, "jane").await;
    let mut views = ViewsClient::new(gateway.clone());

    let first = views.save_view(jane.ask(save(" Broken ", "status:ERROR*", true))).await.unwrap();
    let first = first.into_inner();
    assert_eq!((first.name.as_str(), first.q.as_str()), ("Broken", "status:ERROR*"));
    assert!(first.is_default && first.updated_at.is_some());
    let second = views.save_view(jane.ask(save("Small", "ram<1G", true))).await.unwrap();
    let again = views.save_view(jane.ask(save("Broken", "status:error_up", false))).await.unwrap();
    assert_eq!(again.into_inner().view_id, first.view_id, "the same name replaces");

    let list = |of: &str| ListViewsRequest { list: of.to_owned() };
    let listed = views.list_views(jane.ask(list("instances"))).await.unwrap().into_inner().views;
    let seen: Vec<_> =
        listed.iter().map(|v| (v.name.as_str(), v.q.as_str(), v.is_default)).collect();
    assert_eq!(seen, [("Broken", "status:error_up", false), ("Small", "ram<1G", true)]);
    assert_eq!(listed[0].columns, ["node", "os"]);
    let nodes = views.list_views(jane.ask(list("nodes"))).await.unwrap().into_inner().views;
    assert!(nodes.is_empty());
    let others = views.list_views(admin.ask(list(""))).await.unwrap().into_inner().views;
    assert!(others.is_empty(), "not even the administrator's");

    let delete = || DeleteViewRequest { view_id: second.get_ref().view_id.clone() };
    let foreign = views.delete_view(admin.ask(delete())).await.unwrap_err();
    assert_eq!(foreign.code(), Code::NotFound);
    views.delete_view(jane.ask(delete())).await.unwrap();
    assert_eq!(views.delete_view(jane.ask(delete())).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn a_view_that_is_no_view_is_refused_by_its_field() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    let admin = admin(&gateway).await;
    let mut views = ViewsClient::new(gateway.clone());
    let good = || save("x", "", false);
    let bad = [
        (SaveViewRequest { name: " ".to_owned(), ..good() }, "name"),
        (SaveViewRequest { name: "n".repeat(61), ..good() }, "name"),
        (SaveViewRequest { name: "a\nb".to_owned(), ..good() }, "name"),
        (SaveViewRequest { list: "../x".to_owned(), ..good() }, "list"),
        (SaveViewRequest { q: "q".repeat(1001), ..good() }, "q"),
        (SaveViewRequest { sort: "a b".to_owned(), ..good() }, "sort"),
        (SaveViewRequest { columns: vec!["c".to_owned(); 41], ..good() }, "columns"),
    ];
    for (request, field) in bad {
        let refused = views.save_view(admin.ask(request)).await.unwrap_err();
        assert_eq!(gwm_kernel::Fault::from_status(&refused).field.as_deref(), Some(field));
    }
    for n in 0..100 {
        views.save_view(admin.ask(save(&format!("v{n}"), "", false))).await.unwrap();
    }
    let refused = views.save_view(admin.ask(save("one more", "", false))).await.unwrap_err();
    assert_eq!(reason(&refused), "too_many_views");
    views.save_view(admin.ask(save("v7", "x", false))).await.unwrap();
}
