//! The hook script, as Ganeti runs it: it ends whatever becomes of its knock, with 0, and tells no secret.

#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const TOKEN: &str = "gwmhook_secret-of-the-test";

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/hooks/gwm-knock")
}

/// Runs it to its end against `url`.
fn run(url: &str, mode: u32, change: impl FnOnce(&mut Command)) -> Output {
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    let scratch = tempfile::tempdir().unwrap();
    let config = scratch.path().join("gwm-knock.json");
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(mode).open(&config).unwrap();
    write!(file, r#"{{"url": "{url}", "token": "{TOKEN}"}}"#).unwrap();
    std::fs::set_permissions(&config, std::fs::Permissions::from_mode(mode)).unwrap();
    let own = Command::new("hostname").output().unwrap().stdout;
    let own = String::from_utf8(own).unwrap();
    let mut command = Command::new("python3");
    command
        .arg(script())
        .env("GANETI_GWM_KNOCK", &config)
        .env("GANETI_HOOKS_PHASE", "post")
        .env("GANETI_MASTER", format!("{}.example.com", own.trim().split('.').next().unwrap()))
        .env("GANETI_OP_CODE", "OP_INSTANCE_SHUTDOWN")
        .env("GANETI_OBJECT_TYPE", "INSTANCE")
        .env("GANETI_INSTANCE_NAME", "web1.example.com");
    change(&mut command);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!said.contains("secret") && output.stdout.is_empty(), "{said}");
    output
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/api/v1/hooks/fra1", listener.local_addr().unwrap());
    (listener, url)
}

#[test]
fn it_names_the_object_and_shows_the_token_to_gwm_alone() {
    let (listener, url) = listener();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut text = String::new();
        let mut part = [0; 4096];
        while !text.ends_with('}') {
            let read = stream.read(&mut part).unwrap();
            assert!(read > 0, "{text}");
            text.push_str(std::str::from_utf8(&part[..read]).unwrap());
        }
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
        text
    });
    let output = run(&url, 0o600, |_| {});
    let request = server.join().unwrap();
    assert_eq!(said(&output), "");
    assert!(request.starts_with("POST /api/v1/hooks/fra1 HTTP/1.1\r\n"), "{request}");
    assert!(request.contains(&format!("Authorization: Bearer {TOKEN}\r\n")));
    assert!(request.contains(r#""object_name": "web1.example.com""#));
}

#[test]
fn it_leaves_a_gwm_that_does_not_answer() {
    // Nobody accepts: connected by the kernel, and nothing ever comes. It ends before the listener does.
    let (listener, url) = listener();
    assert!(said(&run(&url, 0o600, |_| {})).contains("not heard in time"));
    drop(listener);
    // The same where TLS would begin.
    let (listener, url) = self::listener();
    let url = url.replace("http:", "https:");
    assert!(said(&run(&url, 0o600, |_| {})).contains("not heard in time"));
    drop(listener);
}

#[test]
fn it_leaves_a_gwm_that_is_not_there_or_refuses() {
    let (listener, url) = listener();
    drop(listener);
    assert!(said(&run(&url, 0o600, |_| {})).contains("not heard"));
    assert!(said(&run("https://gwm.invalid/api", 0o600, |_| {})).contains("not heard"));
    let (listener, url) = self::listener();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _read = stream.read(&mut [0; 4096]).unwrap();
        stream.write_all(b"HTTP/1.1 401 Unauthorized\r\n\r\n").unwrap();
    });
    let output = run(&url, 0o600, |_| {});
    server.join().unwrap();
    assert!(said(&output).contains("gwm answered 401"), "{}", said(&output));
}

#[test]
fn it_sends_nothing_where_it_must_not() {
    let (listener, url) = listener();
    listener.set_nonblocking(true).unwrap();
    run(&url, 0o600, |c| {
        c.env("GANETI_HOOKS_PHASE", "pre");
    });
    run(&url, 0o600, |c| {
        c.env("GANETI_MASTER", "another.example.com");
    });
    assert!(said(&run(&url, 0o644, |_| {})).contains("chmod 600"));
    assert!(listener.accept().is_err(), "it knocked");
    assert!(said(&run("http://192.0.2.1/x", 0o600, |_| {})).contains("https only"));
}
