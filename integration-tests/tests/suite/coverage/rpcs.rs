//! Every RPC × nobody, a service that may call nothing, each service, no person, a person without a
//! right.

use std::fmt::Write;
use std::path::Path;

use gwm_integration_tests::{Options, Part};
use gwm_proto::auth::resolve_request::Credential;
use gwm_proto::auth::{ResolveRequest, ResolveResponse};
use prost::Message;
use tonic::Code;

use super::golden;
use super::grpc::{Caller, Person, Rpc, all};
use crate::stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn every_rpc_refuses_whoever_is_not_on_its_list() {
    let stage = Stage::start(Options::test("coverage-rpcs"), &["fra1"]).await;
    let stack = &stage.stack;
    let person = person_without_rights(&stage).await;
    let nobody = Caller::new(stack, None);
    let stranger = Caller::new(stack, Some("stranger"));
    let services = Part::ALL.map(|part| (part.name(), Caller::new(stack, Some(part.name()))));

    let mut table =
        String::from("# RPC: callers; without a person; with a person without rights\n");
    for rpc in all() {
        let code = nobody.call(&rpc, Some(&person)).await;
        assert_ne!(code, Code::Ok, "{} without a certificate", rpc.path);
        let code = stranger.call(&rpc, Some(&person)).await;
        assert_eq!(code, Code::PermissionDenied, "{} by a stranger", rpc.path);
        let mut callers = Vec::new();
        let mut answers = None;
        for (name, caller) in &services {
            // Without a person: who may call is told that one is missing, who may not is refused.
            let alone = caller.call(&rpc, None).await;
            if alone == Code::PermissionDenied {
                continue;
            }
            callers.push(*name);
            let with = caller.call(&rpc, Some(&person)).await;
            answers = Some((alone, with));
        }
        let (alone, with) = answers.unwrap_or_else(|| panic!("nobody may call {}", rpc.path));
        writeln!(table, "{}: {}; {alone:?}; {with:?}", rpc.path, callers.join(" ")).unwrap();
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    golden(&root.join("tests/suite/coverage/rpcs.txt"), &table);
}

/// What the gateway gets for somebody who has just signed in.
async fn person_without_rights(stage: &Stage) -> Person {
    let stranger = stage.user("stranger").await;
    let cookie = stranger.cookie().unwrap().split_once('=').unwrap().1.to_owned();
    let request = ResolveRequest {
        credential: Some(Credential::SessionToken(cookie)),
        client_address: "127.0.0.1".to_owned(),
        act_as: String::new(),
    };
    let resolve = |rpc: &Rpc| rpc.path == "/gwm.auth.v1.Sessions/Resolve";
    let rpc = all().into_iter().find(resolve).unwrap();
    let gateway = Caller::new(&stage.stack, Some("web-gateway"));
    let answer = gateway.send(&rpc, None, request.encode_to_vec()).await.unwrap();
    let answer = ResolveResponse::decode(answer.as_slice()).unwrap();
    (answer.assertion, answer.signature)
}
