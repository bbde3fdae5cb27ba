use std::collections::BTreeSet;

use gwm_auth::CALLERS;
use gwm_proto::DESCRIPTORS;
use gwm_proto::auth::access_client::AccessClient;
use gwm_proto::auth::grants_client::GrantsClient;
use gwm_proto::auth::ownership_client::OwnershipClient;
use gwm_proto::auth::sessions_client::SessionsClient;
use gwm_proto::auth::tickets_client::TicketsClient;
use gwm_proto::auth::{
    ListGrantsRequest, LoginRequest, RedeemTicketRequest, SettleRequest, WatchRequest,
};
use prost::Message;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint};

use crate::world::{World, admin, reason};

#[test]
fn every_rpc_of_the_contract_has_its_callers() {
    let files = prost_types::FileDescriptorSet::decode(DESCRIPTORS).unwrap();
    let contract: BTreeSet<(String, String)> = files
        .file
        .iter()
        .filter(|file| file.package() == "gwm.auth.v1")
        .flat_map(|file| &file.service)
        .flat_map(|s| s.method.iter().map(|m| (s.name().to_owned(), m.name().to_owned())))
        .collect();
    assert!(contract.len() >= 18, "{contract:?}");
    let listed: BTreeSet<(String, String)> = CALLERS
        .iter()
        .flat_map(|(s, rpcs)| rpcs.iter().map(|(m, _)| ((*s).to_owned(), (*m).to_owned())))
        .collect();
    assert_eq!(contract, listed);
    let services = ["cache-updater", "job-runner", "vnc-proxy", "web-gateway"];
    for (_, rpcs) in CALLERS {
        for (method, callers) in *rpcs {
            assert!(!callers.is_empty(), "{method}");
            assert!(callers.iter().all(|c| services.contains(c)), "{method}");
        }
    }
}

#[tokio::test]
async fn a_service_that_is_not_on_the_list_is_refused() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let admin = admin(&world.gateway(&replica).await).await;
    let [cache, jobs, vnc, gateway, auth] =
        ["cache-updater", "job-runner", "vnc-proxy", "web-gateway", "auth"];
    let as_service = async |service| world.peer(&replica, service).await;
    let mut refusals = Vec::new();
    for service in [cache, jobs, vnc, auth] {
        let login = LoginRequest::default();
        let mut sessions = SessionsClient::new(as_service(service).await);
        refusals.push(sessions.login(login).await.unwrap_err());
        // Not even with a person's assertion.
        let mut grants = GrantsClient::new(as_service(service).await);
        let list = admin.ask(ListGrantsRequest::default());
        refusals.push(grants.list_grants(list).await.unwrap_err());
    }
    for service in [cache, jobs, gateway] {
        let mut tickets = TicketsClient::new(as_service(service).await);
        refusals.push(tickets.redeem_ticket(RedeemTicketRequest::default()).await.unwrap_err());
    }
    for service in [cache, vnc, gateway] {
        let mut ownership = OwnershipClient::new(as_service(service).await);
        refusals.push(ownership.settle(SettleRequest::default()).await.unwrap_err());
    }
    let mut access = AccessClient::new(as_service(auth).await);
    refusals.push(access.watch(WatchRequest {}).await.unwrap_err());
    for status in refusals {
        assert_eq!(status.code(), tonic::Code::PermissionDenied);
        assert_eq!(reason(&status), "caller_not_allowed");
    }
}

#[tokio::test]
async fn without_a_certificate_of_ours_nothing_is_answered() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let ca = Certificate::from_pem(std::fs::read(world.ca()).unwrap());
    let tls = ClientTlsConfig::new().ca_certificate(ca).domain_name("auth.gwm.internal");
    let endpoint = Endpoint::from_shared(replica.url.clone()).unwrap().tls_config(tls).unwrap();
    let mut access = AccessClient::new(endpoint.connect_lazy());
    access.watch(WatchRequest {}).await.unwrap_err();

    let plain = replica.url.replace("https://", "http://");
    let mut access = AccessClient::new(Endpoint::from_shared(plain).unwrap().connect_lazy());
    access.watch(WatchRequest {}).await.unwrap_err();
}
