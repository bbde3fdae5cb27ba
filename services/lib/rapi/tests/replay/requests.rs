//! What goes over the wire.

use std::time::Duration;

use gwm_rapi::{
    Class, CreateInstance, Deadline, GanetiJobId, NewDisk, NewNic, RebootKind, ShutdownOptions,
    StartupOptions, Submission,
};
use serde_json::json;

use crate::server::{Reply, Seen, Server};
use crate::statuses::submission;

const REASON: &str = "reason=gwm%3Aop%3D00000000-0000-0000-0000-000000000001%3Bjob%3D00000000-0000-0000-0000-000000000002";

async fn job_server() -> Server {
    Server::start(|_| Reply::json(200, "42")).await
}

fn last(server: &Server) -> Seen {
    server.requests().pop().unwrap()
}

#[tokio::test]
async fn each_change_has_ganetis_form_and_the_reason() {
    let server = job_server().await;
    let (client, s) = (server.client(), submission());
    let name = "web1.example.com";
    let id = client
        .startup_instance(&s, name, StartupOptions { force: true, no_remember: false })
        .await
        .unwrap();
    assert_eq!(id, GanetiJobId(42));
    assert_eq!(
        last(&server).line(),
        format!("PUT /2/instances/{name}/startup?force=1&{REASON} HTTP/1.1")
    );
    let options = ShutdownOptions { timeout_seconds: Some(10), ..ShutdownOptions::default() };
    client.shutdown_instance(&s, name, options).await.unwrap();
    assert_eq!(last(&server).line(), format!("PUT /2/instances/{name}/shutdown?{REASON} HTTP/1.1"));
    assert_eq!(last(&server).body, r#"{"timeout":10}"#);
    client.reboot_instance(&s, name, RebootKind::Full).await.unwrap();
    assert_eq!(
        last(&server).line(),
        format!("POST /2/instances/{name}/reboot?type=full&{REASON} HTTP/1.1")
    );
    client.delete_instance(&s, name).await.unwrap();
    assert_eq!(last(&server).line(), format!("DELETE /2/instances/{name}?{REASON} HTTP/1.1"));
    assert_eq!(last(&server).header("content-length"), Some("2"), "Ganeti reads no chunked bodies");
    assert_eq!(last(&server).header("content-type"), Some("application/json"));
    assert_eq!(last(&server).header("authorization"), Some("Basic d2VibWdyOnNlc2FtZS00Mg=="));
    assert_eq!(server.connections(), 4, "one request a connection");
}

#[tokio::test]
async fn create_sends_what_was_chosen_and_nothing_else() {
    let server = job_server().await;
    let mut create = CreateInstance::new("new1.example.com", "sharedfile");
    create.disks.push(NewDisk { size: 64, ..NewDisk::default() });
    create.nics.push(NewNic {
        network: Some("lan".to_owned()),
        ip: Some("pool".to_owned()),
        ..NewNic::default()
    });
    create.os_type = Some("noop+default".to_owned());
    create.beparams.maxmem = Some(256);
    create.hvparams.insert("serial_console".to_owned(), json!(true));
    server.client().create_instance(&submission(), &create).await.unwrap();
    assert_eq!(last(&server).line(), format!("POST /2/instances?{REASON} HTTP/1.1"));
    let body: serde_json::Value = serde_json::from_str(&last(&server).body).unwrap();
    let expected = json!({"__version__": 1, "instance_name": "new1.example.com", "mode": "create",
        "disk_template": "sharedfile", "disks": [{"size": 64}], "nics": [{"network": "lan", "ip": "pool"}],
        "os_type": "noop+default", "hvparams": {"serial_console": true}, "beparams": {"maxmem": 256}, "osparams": {},
        "name_check": false, "ip_check": false, "conflicts_check": true, "start": true, "wait_for_sync": true, "tags": []});
    assert_eq!(body, expected);
}

#[tokio::test]
async fn no_name_becomes_another_call() {
    let server = job_server().await;
    let client = server.client();
    for (name, encoded) in [
        ("../x", "..%2Fx"),
        ("a/../../jobs", "a%2F..%2F..%2Fjobs"),
        ("x?dry-run=1", "x%3Fdry-run%3D1"),
        ("x#y", "x%23y"),
        ("%2e%2e%2f", "%252e%252e%252f"),
        ("a\\b", "a%5Cb"),
    ] {
        client.delete_instance(&submission(), name).await.unwrap();
        assert_eq!(
            last(&server).line(),
            format!("DELETE /2/instances/{encoded}?{REASON} HTTP/1.1")
        );
    }
    let before = server.connections();
    for name in ["", ".", "..", "a\r\nX: y", "a\0"] {
        let error = client.delete_instance(&submission(), name).await.unwrap_err();
        assert_eq!((error.code(), error.class()), ("rapi_invalid_input", Class::Final), "{name:?}");
    }
    assert_eq!(server.connections(), before, "a refused name opens no connection");
}

#[tokio::test]
async fn a_deadline_that_is_over_sends_nothing() {
    let server = job_server().await;
    let late = Submission { deadline: Deadline::after(Duration::ZERO), ..submission() };
    let error = server.client().delete_instance(&late, "x").await.unwrap_err();
    assert_eq!((error.code(), error.class()), ("rapi_timed_out", Class::NotSent));
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn reads_carry_a_reason_where_they_make_a_job() {
    let server = Server::start(|_| Reply::json(200, "[]")).await;
    server.client().oses().await.unwrap();
    assert_eq!(last(&server).line(), "GET /2/os?reason=gwm%3Aos-list HTTP/1.1");
    server.client().jobs().await.unwrap();
    assert_eq!(last(&server).line(), "GET /2/jobs?bulk=1 HTTP/1.1");
    assert_eq!(last(&server).header("connection"), None, "no keep-alive is asked for");
}
