//! Every recorded refusal has its kind, its class and readable words.

use assert_matches::assert_matches;
use gwm_rapi::{
    Class, CreateInstance, Deadline, Error, ErrorKind, Reason, StartupOptions, Submission,
};
use std::time::Duration;
use uuid::Uuid;

use crate::fixture::serving;
use crate::server::{Reply, Server};

pub(crate) fn submission() -> Submission {
    Submission {
        reason: Reason::for_op(Uuid::from_u128(1), Uuid::from_u128(2)),
        deadline: Deadline::after(Duration::from_secs(8)),
    }
}

async fn refused(fixture: &str) -> Error {
    let server = serving(fixture).await;
    server
        .client()
        .startup_instance(&submission(), "x", StartupOptions::default())
        .await
        .unwrap_err()
}

#[tokio::test]
async fn recorded_refusals_are_final() {
    for (fixture, code) in [
        ("alpha/err-401-wrong", "rapi_unauthorized"),
        ("alpha/err-401-noauth", "rapi_unauthorized"),
        ("alpha/err-403-read-user-write", "rapi_forbidden"),
        ("alpha/err-404-instance", "rapi_not_found"),
        ("alpha/err-404-resource", "rapi_not_found"),
        ("alpha/err-400-json", "rapi_bad_request"),
        ("alpha/err-400-unknown-param", "rapi_bad_request"),
        ("alpha/err-415", "rapi_unsupported"),
        ("alpha/err-501-patch", "rapi_unsupported"),
        ("alpha-ops/reboot-bad", "rapi_bad_request"),
    ] {
        let error = refused(fixture).await;
        assert_eq!((error.code(), error.class()), (code, Class::Final), "{fixture}");
    }
}

#[tokio::test]
async fn words_are_unescaped_and_say_what_to_do() {
    let error = refused("alpha/err-400-unknown-param").await;
    assert_eq!(
        error.to_string(),
        "Ganeti refused the request (400): Invalid body parameters: Object OpInstanceSetParams doesn't support the \
         parameter 'nosuch'"
    );
    assert!(
        refused("alpha/err-401-wrong").await.to_string().contains("/var/lib/ganeti/rapi/users")
    );
    let error = refused("alpha/err-403-forbidden-param").await;
    assert!(error.to_string().ends_with("The parameter compression_tools cannot be set via RAPI"));
    assert!(refused("alpha/err-query-badfilter").await.to_string().contains(r#"["&", "x"]"#));
}

#[tokio::test]
async fn what_may_have_started_is_unknown_and_a_full_queue_surely_not_sent() {
    for (status, code, class) in [
        (500, "rapi_server_error", Class::Unknown),
        (502, "rapi_server_error", Class::Unknown),
        (504, "rapi_master_down", Class::Unknown),
        (503, "rapi_busy", Class::NotSent),
        (302, "rapi_protocol", Class::Unknown),
        (418, "rapi_bad_request", Class::Final),
    ] {
        let body = format!(r#"{{"code": {status}, "message": "m", "explain": "e"}}"#);
        let server = Server::start(move |_| Reply::json(status, &body)).await;
        let error = server
            .client()
            .startup_instance(&submission(), "x", StartupOptions::default())
            .await
            .unwrap_err();
        assert_eq!((error.code(), error.class()), (code, class), "{status}");
    }
    let error = serving("alpha/instance-stopped1-console")
        .await
        .client()
        .console("stopped1")
        .await
        .unwrap_err();
    assert_matches!(error.kind(), ErrorKind::Busy { message } if message == "Instance console unavailable");
    let error =
        serving("beta/instance-vm11-console").await.client().console("vm11").await.unwrap_err();
    assert_matches!(error.kind(), ErrorKind::ServerError { status: 500, .. });
}

#[tokio::test]
async fn a_page_of_something_else_is_not_ganetis_word() {
    for status in [400, 403, 404, 409] {
        let server = Server::start(move |_| Reply::json(status, "<h1>nginx</h1>")).await;
        let error = server.client().instance("x").await.unwrap_err();
        assert_eq!((error.code(), error.is_not_found()), ("rapi_protocol", false), "{status}");
    }
}

#[tokio::test]
async fn a_success_of_another_shape_leaves_a_submission_unknown() {
    for body in ["", "null", "\"seven\"", "{\"job\": 7}", "<html>", "7 8"] {
        let server = Server::start(move |_| Reply::json(200, body)).await;
        let create = CreateInstance::new("x", "diskless");
        let error = server.client().create_instance(&submission(), &create).await.unwrap_err();
        assert_eq!((error.code(), error.class()), ("rapi_protocol", Class::Unknown), "{body}");
    }
}

#[tokio::test]
async fn no_error_shows_the_password() {
    let server = Server::start(|seen| {
        Reply::json(400, &format!("{{\"code\": 400, \"message\": {:?}}}", seen.line()))
    })
    .await;
    let client = server.client();
    let error = client.info().await.unwrap_err();
    for text in [format!("{error:?}"), error.to_string(), format!("{client:?}")] {
        assert!(!text.contains("sesame") && !text.contains("d2VibWdy"), "{text}");
    }
}
