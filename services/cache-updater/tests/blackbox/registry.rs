use gwm_kernel::Fault;
use gwm_proto::cache::{
    Cluster, ConsoleSettings, CreateOptions, GetClusterRequest, GetCreateOptionsRequest,
    ProbeClusterRequest, RemoveClusterRequest, UpdateClusterRequest,
};
use gwm_rapi_sim::{CertStyle, FaultRule};

use crate::world::{Replica, World, credential, reason};

async fn options(world: &World, replica: &Replica) -> CreateOptions {
    let asked = world.admin.ask(GetCreateOptionsRequest { cluster: "one".to_owned() });
    replica.inventory().get_create_options(asked).await.unwrap().into_inner()
}

#[tokio::test]
async fn a_cluster_is_added_with_all_it_holds() {
    let world = World::sized(3, 14).await;
    let replica = world.replica("a").await;
    let cluster: Cluster = world.add(&replica).await;
    assert_eq!((cluster.nodes_total, cluster.instances_total), (3, 14));
    assert_eq!(cluster.name, "sim1.example.org");
    assert_eq!(cluster.ganeti_uuid, world.cluster().uuid());
    assert!(!cluster.read_only && cluster.has_vnc_password);
    assert!(cluster.health.as_ref().unwrap().reachable);
    // First the cluster, then what was there before: discovered, never created.
    let events = world.events().await;
    assert_eq!(events[0].0, "cluster.added");
    let count = |kind: &str| events.iter().filter(|(k, _)| k == kind).count();
    assert_eq!((count("node.discovered"), count("instance.discovered")), (3, 14));
    assert!(events.iter().skip(1).all(|(_, e)| e["data"]["cause"]["kind"] == "import"));

    let options = options(&world, &replica).await;
    assert!(!options.oses.is_empty() && options.nodes.len() == 3, "{options:?}");
    assert!(options.default_memory_mib > 0 && !options.disk_templates.is_empty());
    let asked_os = || world.cluster().requests().iter().filter(|r| r.path == "/2/os").count();
    assert_eq!(asked_os(), 1);
    self::options(&world, &replica).await;
    assert_eq!(asked_os(), 1, "at most hourly: each call runs a job in Ganeti");
}

#[tokio::test]
async fn what_is_wrong_with_a_new_cluster_is_said_in_words_and_nothing_is_stored() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let good = world.add_request();
    let jobs = world.cluster().jobs().len();
    let refused = async |change: &dyn Fn(&mut gwm_proto::cache::AddClusterRequest)| {
        let mut request = good.clone();
        change(&mut request);
        let status = replica.clusters().add_cluster(world.admin.ask(request)).await.unwrap_err();
        let fault = Fault::from_status(&status);
        (fault.reason.into_owned(), fault.field.unwrap_or_default())
    };
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    let wrong = refused(&|r| r.read = Some(credential("gwm-read", "wrong"))).await;
    assert_eq!(wrong, pair("rapi_unauthorized", "read"));
    let lacks = refused(&|r| r.write = Some(credential("gwm-read", "read-secret"))).await;
    assert_eq!(lacks, pair("rapi_lacks_write", "write"));
    let other = refused(&|r| r.fingerprint = "AB".repeat(32)).await;
    assert_eq!(other, pair("rapi_certificate_changed", "fingerprint"));
    let unpinned = refused(&|r| r.fingerprint.clear()).await;
    assert_eq!(unpinned, pair("invalid_argument", "fingerprint"));
    let bad_slug = refused(&|r| r.slug = "../x".to_owned()).await;
    assert_eq!(bad_slug, pair("invalid_argument", "slug"));
    let local = refused(&|r| r.endpoints = vec!["169.254.169.254".to_owned()]).await;
    assert_eq!(local, pair("rapi_address", "endpoints"));
    let scheme = refused(&|r| r.endpoints = vec!["http://x".to_owned()]).await;
    assert_eq!(scheme, pair("invalid_argument", "endpoints"));
    let long = refused(&|r| r.console.as_mut().unwrap().vnc_password = "123456789".to_owned());
    assert_eq!(long.await, pair("invalid_argument", "console.vnc_password"));
    assert!(world.events().await.is_empty());
    assert_eq!(world.cluster().jobs().len(), jobs, "testing a credential must change nothing");

    world.add(&replica).await;
    let twice = refused(&|r| r.slug = "two".to_owned()).await;
    assert_eq!(twice.0, "cluster_exists");
    let same = refused(&|_| {}).await;
    assert_eq!(same.0, "cluster_exists");
}

#[tokio::test]
async fn a_probe_says_what_it_found_and_sends_no_password_to_a_stranger() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let jobs = world.cluster().jobs().len();
    let probe = async |change: &dyn Fn(&mut ProbeClusterRequest)| {
        let mut request = ProbeClusterRequest {
            endpoints: vec![world.cluster().url()],
            read: Some(credential("gwm-read", "read-secret")),
            write: Some(credential("gwm-write", "write-secret")),
            ..ProbeClusterRequest::default()
        };
        change(&mut request);
        let asked = world.admin.ask(request);
        replica.clusters().probe_cluster(asked).await.unwrap().into_inner()
    };
    let codes = |answer: &gwm_proto::cache::ProbeClusterResponse| {
        answer.problems.iter().map(|p| p.code.clone()).collect::<Vec<_>>()
    };
    let first = probe(&|_| {}).await;
    assert_eq!(
        first.fingerprint.replace(':', "").to_lowercase(),
        world.cluster().fingerprint().replace(':', "").to_lowercase()
    );
    assert!(first.problems.is_empty() && !first.ganeti_version.is_empty(), "{first:?}");
    assert_eq!(first.read.unwrap().state, "not_tested");
    assert!(world.cluster().requests().iter().all(|r| r.user.is_none()));

    let confirm = |r: &mut ProbeClusterRequest| r.fingerprint.clone_from(&first.fingerprint);
    let second = probe(&confirm).await;
    assert_eq!((second.nodes, second.instances), (3, 12));
    assert_eq!(second.read.unwrap().state, "ok");
    assert_eq!(second.write.unwrap().state, "ok");
    assert_eq!(second.cluster_uuid, world.cluster().uuid());
    assert_eq!(world.cluster().jobs().len(), jobs, "testing a credential must change nothing");

    let lacks = probe(&|r| {
        confirm(r);
        r.write = Some(credential("gwm-read", "read-secret"));
    })
    .await;
    assert_eq!(codes(&lacks), ["forbidden"]);
    assert!(lacks.write.unwrap().text.starts_with("write: 403"));
    let wrong = probe(&|r| {
        confirm(r);
        r.read = Some(credential("gwm-read", "wrong"));
    })
    .await;
    assert_eq!(codes(&wrong), ["unauthorized"]);
    let changed = probe(&|r| r.fingerprint = "AB".repeat(32)).await;
    assert_eq!(codes(&changed), ["certificate_changed"]);
    let unknown = probe(&|r| r.endpoints = vec!["no-such-host.invalid".to_owned()]).await;
    assert_eq!(codes(&unknown), ["dns"]);
    let local = probe(&|r| r.endpoints = vec!["169.254.169.254".to_owned()]).await;
    assert_eq!(codes(&local), ["bad_address"]);
    let nats = world.nats.url().rsplit(':').next().unwrap().to_owned();
    let other = probe(&|r| r.endpoints = vec![format!("127.0.0.1:{nats}")]).await;
    assert_eq!(codes(&other), ["not_tls"]);
    let refused = probe(&|r| r.endpoints = vec!["127.0.0.1:1".to_owned()]).await;
    assert_eq!(codes(&refused), ["refused"]);
    let down = FaultRule::always(gwm_rapi_sim::Fault::MasterDown).path("/2/info");
    world.cluster().fault(down);
    let down = probe(&confirm).await;
    assert!(codes(&down).contains(&"master_down".to_owned()), "{down:?}");
    world.cluster().clear_faults().await.unwrap();
    world.add(&replica).await;
    assert_eq!(codes(&probe(&confirm).await), ["exists"]);
}

#[tokio::test]
async fn an_edit_is_tried_first_and_needs_the_version_it_was_made_from() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let cluster = world.add(&replica).await;
    let edit = async |change: &dyn Fn(&mut UpdateClusterRequest)| {
        let mut request = UpdateClusterRequest {
            cluster: "one".to_owned(),
            config_version: cluster.config_version.clone(),
            ..UpdateClusterRequest::default()
        };
        change(&mut request);
        let answer = replica.clusters().update_cluster(world.admin.ask(request)).await;
        answer.map(tonic::Response::into_inner)
    };
    let wrong = edit(&|r| r.read = Some(credential("gwm-read", "wrong"))).await.unwrap_err();
    assert_eq!(reason(&wrong), "rapi_unauthorized");
    let edited = edit(&|r| r.remove_write = true).await.unwrap();
    assert!(edited.read_only && edited.config_version != cluster.config_version);
    let late = edit(&|r| r.remove_write = true).await.unwrap_err();
    assert_eq!(reason(&late), "config_version_mismatch");
    assert_eq!(late.code(), tonic::Code::FailedPrecondition);

    let asked = gwm_proto::cache::GetWriteAccessRequest { cluster_id: cluster.cluster_id.clone() };
    let refused = replica.internal().get_write_access(asked.clone()).await.unwrap_err();
    assert_eq!(reason(&refused), "cluster_read_only");
    let trespass = replica.trespass().get_write_access(asked).await.unwrap_err();
    assert_eq!(reason(&trespass), "caller_not_allowed");
}

#[tokio::test]
async fn any_endpoint_that_answers_will_do_as_after_a_master_failover() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let dead = "https://127.0.0.1:1".to_owned();
    let mut request = world.add_request();
    request.endpoints = vec![dead.clone(), world.cluster().url()];
    let asked = world.admin.ask(request);
    let added = replica.clusters().add_cluster(asked).await.unwrap().into_inner();
    assert_eq!((added.instances_total, added.endpoints.len()), (12, 2));

    let edit = async |endpoints: Vec<String>| {
        let request = UpdateClusterRequest {
            cluster: "one".to_owned(),
            endpoints,
            ..UpdateClusterRequest::default()
        };
        replica.clusters().update_cluster(world.admin.ask(request)).await
    };
    let other = "https://127.0.0.1:2".to_owned();
    let edited = edit(vec![dead.clone(), other.clone(), world.cluster().url()]).await.unwrap();
    assert_eq!(edited.into_inner().endpoints.len(), 3);
    let none = edit(vec![dead, other]).await.unwrap_err();
    assert_eq!(reason(&none), "rapi_refused");
}

#[tokio::test]
async fn a_vnc_password_is_kept_by_edits_until_it_is_taken_away() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    world.add(&replica).await;
    let edit = async |remove_vnc_password| {
        let request = UpdateClusterRequest {
            cluster: "one".to_owned(),
            console: Some(ConsoleSettings {
                enabled: true,
                vnc_password: String::new(),
                remove_vnc_password,
            }),
            ..UpdateClusterRequest::default()
        };
        let answer = replica.clusters().update_cluster(world.admin.ask(request)).await;
        answer.unwrap().into_inner().has_vnc_password
    };
    assert!(edit(false).await);
    assert!(!edit(true).await);
}

#[tokio::test]
async fn a_ca_takes_the_place_of_a_pinned_certificate_only_if_it_vouches_for_the_server() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    world.add(&replica).await;
    let edit = async |ca_pem: &str| {
        let request = UpdateClusterRequest {
            cluster: "one".to_owned(),
            ca_pem: ca_pem.to_owned(),
            ..UpdateClusterRequest::default()
        };
        replica.clusters().update_cluster(world.admin.ask(request)).await
    };
    let rubbish = edit("not a certificate").await.unwrap_err();
    assert_eq!(Fault::from_status(&rubbish).field.as_deref(), Some("ca"));
    // The authority of gwm's own services knows nothing of this server.
    let stranger = edit(&world.ca_pem()).await.unwrap_err();
    assert_eq!(reason(&stranger), "rapi_certificate_invalid");
    let still = world.get(&replica, "one").await;
    assert!(!still.has_ca && !still.fingerprint.is_empty());
}

#[tokio::test]
async fn a_renewed_certificate_is_refused_with_both_fingerprints_until_it_is_confirmed() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let cluster = world.add(&replica).await;
    let renewed = world.cluster().change_certificate(CertStyle::GanetiV1).unwrap();
    world.wait_told("cluster.unreachable", &cluster.name).await;
    let health = world.get(&replica, "one").await.health.unwrap();
    assert_eq!(health.error_code, "rapi_certificate_changed");
    let plain = |text: &str| text.replace(':', "").to_lowercase();
    let error = plain(&health.error);
    assert!(error.contains(&plain(&cluster.fingerprint)), "{error}");
    assert!(error.contains(&plain(&renewed)), "{error}");
    assert_eq!(world.list(&replica, "").await.instances.len(), 12);

    let request = UpdateClusterRequest {
        cluster: "one".to_owned(),
        fingerprint: renewed,
        ..UpdateClusterRequest::default()
    };
    let asked = world.admin.ask(request);
    let edited = replica.clusters().update_cluster(asked).await.unwrap().into_inner();
    assert!(edited.health.unwrap().reachable, "read again at once");
    world.wait_told("cluster.reachable", &cluster.name).await;
}

#[tokio::test]
async fn a_removed_cluster_is_forgotten_with_all_it_held() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    world.add(&replica).await;
    let asked = world.admin.ask(RemoveClusterRequest { cluster: "one".to_owned() });
    replica.clusters().remove_cluster(asked).await.unwrap();
    let events = world.events().await;
    let count = |kind: &str| events.iter().filter(|(k, _)| k == kind).count();
    assert_eq!(count("instance.forgotten"), 12);
    assert_eq!((count("node.forgotten"), count("cluster.forgotten")), (3, 1));
    assert_eq!(count("instance.removed"), 0);
    let asked = world.admin.ask(GetClusterRequest { cluster: "one".to_owned() });
    let gone = replica.clusters().get_cluster(asked).await.unwrap_err();
    assert_eq!(gone.code(), tonic::Code::NotFound);
    // And it can come back.
    assert_eq!(world.add(&replica).await.instances_total, 12);
}
