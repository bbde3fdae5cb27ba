use std::time::Duration;

use gwm_testkit::nats::NatsKey;
use gwm_testkit::{TestNats, wait_for};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

const SOON: Duration = Duration::from_secs(20);

/// Says CONNECT with nothing in it, and returns the server's answer to PING.
async fn anonymous(port: u16) -> std::io::Result<String> {
    let mut stream = BufReader::new(TcpStream::connect(("127.0.0.1", port)).await?);
    let mut line = String::new();
    stream.read_line(&mut line).await?; // INFO
    stream.write_all(b"CONNECT {\"verbose\":false}\r\nPING\r\n").await?;
    line.clear();
    stream.read_line(&mut line).await?;
    Ok(line.trim().to_owned())
}

#[tokio::test]
async fn an_open_server_answers_anybody() {
    let nats = TestNats::start().await;
    assert_eq!(anonymous(nats.port()).await.unwrap(), "PONG");
}

#[tokio::test]
async fn configured_users_keep_strangers_out() {
    let key = NatsKey::generate();
    let nats = TestNats::with(&format!(
        "accounts {{ GWM {{ jetstream: enabled, users: [{{ nkey: {} }}] }} }}",
        key.public
    ))
    .await;
    let answer = anonymous(nats.port()).await.unwrap();
    assert!(answer.contains("Authorization Violation"), "{answer}");
    assert!(!format!("{key:?}").contains(&key.seed), "the seed must not show");
}

#[tokio::test]
async fn a_killed_server_comes_back_on_the_same_port() {
    let mut nats = TestNats::start().await;
    let port = nats.port();
    nats.kill().await.unwrap();
    anonymous(port).await.unwrap_err();
    nats.start_again().await.unwrap();
    assert_eq!((nats.port(), anonymous(port).await.unwrap().as_str()), (port, "PONG"));
    nats.stop().await.unwrap();
    anonymous(port).await.unwrap_err();
}

#[tokio::test]
async fn a_bad_configuration_is_reported_in_the_servers_words() {
    let failed = tokio::spawn(async { TestNats::with("nonsense_setting: 1").await });
    let message = *failed.await.unwrap_err().into_panic().downcast::<String>().unwrap();
    assert!(message.contains("nonsense_setting"), "{message}");
}

#[tokio::test]
async fn a_frozen_server_thaws() {
    let mut nats = TestNats::start().await;
    nats.process().unwrap().signal("STOP").unwrap();
    let port = nats.port();
    wait_for("silence", SOON, async || {
        let asked = tokio::time::timeout(Duration::from_millis(300), anonymous(port)).await;
        asked.map_or(Ok(()), |answer| Err(format!("{answer:?}")))
    })
    .await;
    nats.process().unwrap().signal("CONT").unwrap();
    wait_for("an answer", SOON, async || anonymous(port).await).await;
}
