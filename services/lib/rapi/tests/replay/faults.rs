//! Servers that misbehave, and servers that aren't there.

use std::time::{Duration, Instant};

use gwm_rapi::{
    Class, Client, Deadline, Endpoint, ErrorKind, Limits, Phase, StartupOptions, Submission, Trust,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::server::{Identity, Reply, Server, credentials};
use crate::statuses::submission;

fn client_to(address: &str) -> Client {
    client_within(Limits::default(), address)
}

fn client_within(limits: Limits, address: &str) -> Client {
    let trust = Trust::Pinned(Identity::ganeti().fingerprint());
    Client::new(Endpoint::parse(address).unwrap(), &trust, Some(credentials()), limits).unwrap()
}

/// A server without TLS that says something, or hangs up, or waits.
async fn plain_server(words: Option<&'static [u8]>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let serving = async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut hello = [0; 16];
            let _ = stream.read(&mut hello).await;
            if let Some(words) = words {
                let _ = stream.write_all(words).await;
            }
        }
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "a test server; it ends with the test's runtime"
    )]
    tokio::spawn(serving);
    address
}

#[tokio::test]
async fn a_refused_port_and_a_name_without_address_are_surely_not_sent() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = client_to(&free.to_string()).info().await.unwrap_err();
    assert_eq!((error.kind(), error.class()), (&ErrorKind::Refused, Class::NotSent));
    let error = client_to("no-such-host.invalid").info().await.unwrap_err();
    assert_eq!((error.code(), error.class()), ("rapi_dns", Class::NotSent));
    assert!(error.to_string().contains("no-such-host.invalid"), "{error}");
}

#[tokio::test]
async fn a_port_without_tls_is_named_so() {
    for words in [
        Some(b"HTTP/1.1 400 Bad Request\r\n\r\n".as_slice()),
        Some(b"SSH-2.0-OpenSSH_9.2\r\n"),
        None,
    ] {
        let error = client_to(&plain_server(words).await).info().await.unwrap_err();
        assert_eq!(
            (error.kind(), error.class()),
            (&ErrorKind::NotTls, Class::NotSent),
            "{words:?}"
        );
    }
}

#[tokio::test]
async fn a_port_that_never_answers_the_handshake_times_out_unsent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let brief = Limits { connect: Duration::from_millis(300), ..Limits::default() };
    let error = client_within(brief, &address).info().await.unwrap_err();
    assert_eq!(
        (error.kind(), error.class()),
        (&ErrorKind::TimedOut { phase: Phase::Connect }, Class::NotSent)
    );
    let patient = Limits { connect: Duration::from_secs(60), ..Limits::default() };
    let patient = client_within(patient, &address);
    let hurried =
        Submission { deadline: Deadline::after(Duration::from_millis(200)), ..submission() };
    let error = patient.delete_instance(&hurried, "x").await.unwrap_err();
    assert_eq!(
        (error.kind(), error.class()),
        (&ErrorKind::TimedOut { phase: Phase::Connect }, Class::NotSent)
    );
}

#[tokio::test]
async fn silence_after_the_request_is_unknown() {
    let server = Server::start(|_| Reply::Silence).await;
    let hurried = Submission { deadline: Deadline::after(Duration::from_secs(2)), ..submission() };
    let error = server
        .client()
        .startup_instance(&hurried, "x", StartupOptions::default())
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.class()),
        (&ErrorKind::TimedOut { phase: Phase::Answer }, Class::Unknown)
    );
    assert_eq!(server.requests().len(), 1, "never sent twice");
}

#[tokio::test]
async fn the_answer_may_be_awaited_longer_than_the_send() {
    let server = Server::start(|_| Reply::json(200, "7")).await;
    let now = Instant::now();
    let deadline =
        Deadline::at(now + Duration::from_secs(3)).answer_by(now + Duration::from_secs(60));
    assert_eq!(deadline.answer_by_moment() - deadline.send_by_moment(), Duration::from_secs(57));
    let patient = Submission { deadline, ..submission() };
    server.client().delete_instance(&patient, "x").await.unwrap();
    assert_eq!(deadline.answer_by(now).answer_by_moment(), deadline.send_by_moment());
}

#[tokio::test]
async fn a_cut_answer_is_unknown_wherever_it_is_cut() {
    let whole =
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n123456789";
    for length in [0, 5, 30, whole.len() - 10, whole.len() - 5, whole.len() - 1] {
        let server = Server::start(move |_| Reply::Cut(whole[..length].to_vec())).await;
        let error = server
            .client()
            .startup_instance(&submission(), "x", StartupOptions::default())
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind(), error.class()),
            (&ErrorKind::Cut, Class::Unknown),
            "cut at {length}"
        );
        assert_eq!(server.requests().len(), 1, "never sent twice");
    }
}

#[tokio::test]
async fn a_cut_list_is_no_list() {
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n[{\"uuid\": \"a\", \"name\": \"b\"}";
    let server = Server::start(move |_| Reply::Cut(head.to_vec())).await;
    assert_eq!(server.client().instances_bulk_raw().await.unwrap_err().kind(), &ErrorKind::Cut);
}

#[tokio::test]
async fn an_endless_answer_is_left_early() {
    let server = Server::start(|_| Reply::Endless).await;
    let error = server.client().info().await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::TooLarge { limit: Limits::default().answer_bytes });
    let slack = 32 << 20;
    assert!(
        server.endless_bytes() < Limits::default().answer_bytes + slack,
        "socket buffers aside"
    );
    let limits = Limits { bulk_bytes: 1000, ..Limits::default() };
    let client = server.client_with(&Trust::Pinned(server.fingerprint), limits);
    assert_eq!(
        client.instances_bulk_raw().await.unwrap_err().kind(),
        &ErrorKind::TooLarge { limit: 1000 }
    );
}

#[tokio::test]
async fn an_announced_size_above_the_limit_is_not_read_at_all() {
    let server = Server::start(|_| {
        Reply::Cut(b"HTTP/1.1 200 OK\r\nContent-Length: 2147483648\r\n\r\n[".to_vec())
    })
    .await;
    let error = server.client().instances_bulk_raw().await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::TooLarge { limit: 64 << 20 });
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let target = Server::start(|_| Reply::json(200, "2")).await;
    let to = format!("https://{}/version", target.address);
    let server = Server::start(move |_| Reply::json(302, "").with_header("Location", &to)).await;
    let error = server.client().version().await.unwrap_err();
    assert_eq!(error.code(), "rapi_protocol");
    assert_eq!(target.connections(), 0);
}

#[tokio::test]
async fn what_is_not_http_or_not_json_is_a_protocol_error() {
    let server = Server::start(|_| Reply::Cut(b"220 mail.example.com ESMTP\r\n".to_vec())).await;
    assert_eq!(server.client().info().await.unwrap_err().code(), "rapi_protocol");
    let deep = "[".repeat(100_000);
    for body in [
        "<html></html>".to_owned(),
        String::new(),
        "{\"uuid\": 7}".to_owned(),
        deep,
        "NaN".to_owned(),
    ] {
        let server = Server::start(move |_| Reply::json(200, &body)).await;
        let error = server.client().info().await.unwrap_err();
        assert_eq!((error.code(), error.class()), ("rapi_protocol", Class::Unknown));
    }
}

/// What SIGSTOP does: the process stands still in the handshake, and when it goes on its time is over while the
/// server is ready to take the request.
#[tokio::test(flavor = "current_thread")]
async fn a_process_that_stood_still_past_its_deadline_sends_nothing() {
    let (tell, told) = std::sync::mpsc::channel();
    let elsewhere = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let server = Server::start(|_| Reply::json(200, "7")).await;
            tell.send((server.address, server.fingerprint)).unwrap();
            let connected = async {
                while server.connections() == 0 {
                    tokio::task::yield_now().await;
                }
            };
            connected.await;
            // Long enough for a request that should not come.
            tokio::time::sleep(Duration::from_millis(900)).await;
            server.requests().len()
        })
    });
    let (address, fingerprint) = told.recv().unwrap();
    let endpoint = Endpoint::parse(&address.to_string()).unwrap();
    let limits = Limits { connect: Duration::from_secs(60), ..Limits::default() };
    let client =
        Client::new(endpoint, &Trust::Pinned(fingerprint), Some(credentials()), limits).unwrap();
    let brief =
        Submission { deadline: Deadline::after(Duration::from_millis(200)), ..submission() };
    let standstill = async {
        // Lets the connect begin, no more than that, then holds the only thread.
        tokio::task::yield_now().await;
        #[expect(clippy::disallowed_methods, reason = "standing still is what is tested")]
        std::thread::sleep(Duration::from_millis(400));
    };
    let (outcome, ()) = tokio::join!(client.delete_instance(&brief, "x"), standstill);
    assert_eq!(outcome.unwrap_err().class(), Class::NotSent);
    drop(client);
    assert_eq!(elsewhere.join().unwrap(), 0, "no request arrived");
}
