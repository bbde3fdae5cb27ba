//! The first look at a server: one problem for each thing that can be wrong.

use std::time::Duration;

use gwm_rapi::{
    Access, ErrorKind, Limits, Phase, ProbeOutcome, ProbeRequest, Problem, Trust, probe,
};
use tokio::net::TcpListener;

use crate::fixture::load;
use crate::server::{Reply, Seen, Server, credentials};

/// A Ganeti that knows `webmgr` with some options.
fn ganeti(options: &'static str) -> impl Fn(&Seen) -> Reply + Send + Sync + 'static {
    move |seen| {
        if seen.header("authorization").is_none() {
            return load("alpha/err-401-version-noauth").reply();
        }
        let path = seen.line().split(' ').nth(1).unwrap().replace("?reason=gwm%3Aaccess-test", "");
        match (path.as_str(), options) {
            (_, "wrong") => load("alpha/err-401-wrong").reply(),
            ("/2/info", "down") => {
                Reply::json(504, r#"{"code": 504, "message": "Gateway Timeout"}"#)
            }
            ("/2/info", _) => load("alpha/info").reply(),
            ("/2/instances", "write") => load("alpha/err-400-version0").reply(),
            ("/2/instances", _) | ("/2/query/group", "") => {
                load("alpha/err-403-read-user-write").reply()
            }
            ("/2/query/group", _) => {
                Reply::json(200, r#"{"data": [[[0, "default"]]], "fields": []}"#)
            }
            (path, _) => panic!("unexpected call {path}"),
        }
    }
}

async fn look(address: String, trust: Option<Trust>) -> ProbeOutcome {
    look_within(Limits::default(), address, trust).await
}

async fn look_within(limits: Limits, address: String, trust: Option<Trust>) -> ProbeOutcome {
    probe(&ProbeRequest {
        address,
        trust,
        read: Some(credentials()),
        write: Some(credentials()),
        limits,
    })
    .await
}

async fn look_at(server: &Server, trust: Option<Trust>) -> ProbeOutcome {
    look(server.endpoint().base_url(), trust).await
}

fn code(outcome: &ProbeOutcome) -> &'static str {
    outcome.first_problem().map_or("none", Problem::code)
}

#[tokio::test]
async fn before_the_certificate_is_confirmed_no_credentials_leave() {
    let server = Server::start(ganeti("write")).await;
    for trust in [None, Some(Trust::Observe)] {
        let outcome = look_at(&server, trust).await;
        assert_eq!(code(&outcome), "none", "{outcome:?}");
        let certificate = outcome.certificate.unwrap();
        assert_eq!((certificate.fingerprint, certificate.version), (server.fingerprint, 1));
        assert_eq!(
            (certificate.subject.as_str(), certificate.self_signed),
            ("CN=ganeti.example.com", true)
        );
        assert!(certificate.not_after > certificate.not_before);
        assert_eq!(outcome.version.as_deref(), Some("3.0.2"), "from the Server header");
        assert!(outcome.cluster.is_none() && outcome.read.is_none() && outcome.write.is_none());
    }
    assert!(server.requests().iter().all(|seen| seen.header("authorization").is_none()));
}

#[tokio::test]
async fn once_it_is_confirmed_both_users_are_tested() {
    let server = Server::start(ganeti("write")).await;
    let outcome = look_at(&server, Some(Trust::Pinned(server.fingerprint))).await;
    assert_eq!(code(&outcome), "none", "{outcome:?}");
    assert_eq!(outcome.cluster.unwrap().name, "alpha.lab.test");
    assert_eq!(outcome.read.unwrap().access, Some(Access::Write));
    assert_eq!(outcome.write.unwrap().access, Some(Access::Write));
    let create =
        server.requests().into_iter().find(|seen| seen.line().starts_with("POST")).unwrap();
    assert_eq!(create.body, r#"{"__version__":0}"#, "the only POST of a probe");
}

#[tokio::test]
async fn a_user_that_lacks_an_option_is_told_which() {
    let server = Server::start(ganeti("read")).await;
    let outcome = look_at(&server, Some(Trust::Pinned(server.fingerprint))).await;
    assert_eq!(
        (outcome.read.as_ref().unwrap().access, code(&outcome)),
        (Some(Access::Read), "rapi_lacks_write")
    );
    assert!(
        outcome
            .first_problem()
            .unwrap()
            .to_string()
            .starts_with("write: 403, this user lacks write")
    );
    let server = Server::start(ganeti("")).await;
    let outcome = look_at(&server, Some(Trust::Pinned(server.fingerprint))).await;
    assert_eq!(
        (outcome.read.as_ref().unwrap().access, code(&outcome)),
        (Some(Access::Plain), "rapi_lacks_read")
    );
}

#[tokio::test]
async fn a_wrong_password_and_a_dead_master_daemon_are_named() {
    let server = Server::start(ganeti("wrong")).await;
    let outcome = look_at(&server, Some(Trust::Pinned(server.fingerprint))).await;
    assert_eq!(code(&outcome), "rapi_unauthorized");
    let server = Server::start(ganeti("down")).await;
    let outcome = look_at(&server, Some(Trust::Pinned(server.fingerprint))).await;
    assert_eq!(code(&outcome), "rapi_master_down");
}

#[tokio::test]
async fn a_changed_certificate_stops_the_probe_before_the_users() {
    let server = Server::start(ganeti("write")).await;
    let other = crate::server::Identity::issued(&["x"]).0.fingerprint();
    let outcome = look_at(&server, Some(Trust::Pinned(other))).await;
    assert_eq!(code(&outcome), "rapi_certificate_changed");
    assert_eq!(
        outcome.certificate.unwrap().fingerprint,
        server.fingerprint,
        "the new one is shown"
    );
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn an_old_ganeti_is_named_with_its_version() {
    let server =
        Server::start(|seen| ganeti("read")(seen).with_header("Server", "Ganeti 2.16.0")).await;
    let outcome = look_at(&server, None).await;
    assert_eq!(outcome.problem, Some(Problem::TooOld { version: "2.16.0".to_owned() }));
}

#[tokio::test]
async fn what_is_not_rapi_is_named_so() {
    let reply = |status: u16, body: &'static str| {
        move |_: &Seen| Reply::json(status, body).with_header("Server", "nginx")
    };
    for server in [
        Server::start(reply(200, "<html>")).await,
        Server::start(reply(404, "")).await,
        Server::start(reply(401, "")).await,
        Server::start(reply(302, "")).await,
        Server::start(|_| Reply::Cut(b"* OK IMAP4rev1\r\n".to_vec())).await,
    ] {
        let outcome = look_at(&server, Some(Trust::Pinned(server.fingerprint))).await;
        assert_eq!(outcome.problem, Some(Problem::NotRapi));
        assert!(server.requests().iter().all(|seen| seen.header("authorization").is_none()));
    }
    let server = Server::start(|_| Reply::Endless).await;
    assert_eq!(code(&look_at(&server, None).await), "rapi_too_large");
}

#[tokio::test]
async fn what_is_not_there_has_its_own_problem() {
    assert_eq!(code(&look("http://c".to_owned(), None).await), "rapi_address");
    assert_eq!(code(&look("no-such-host.invalid".to_owned(), None).await), "rapi_dns");
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    assert_eq!(code(&look(free.to_string(), None).await), "rapi_refused");
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let brief = Limits { connect: Duration::from_millis(300), ..Limits::default() };
    let outcome = look_within(brief, silent.local_addr().unwrap().to_string(), None).await;
    assert_eq!(outcome.problem, Some(Problem::Call(ErrorKind::TimedOut { phase: Phase::Connect })));
    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = plain.local_addr().unwrap().to_string();
    let (outcome, ()) = tokio::join!(look(address, None), async {
        use tokio::io::AsyncWriteExt as _;
        let (mut stream, _) = plain.accept().await.unwrap();
        stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").await.unwrap();
    });
    assert_eq!(code(&outcome), "rapi_not_tls");
}
