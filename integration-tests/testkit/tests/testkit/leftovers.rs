//! Nothing is left running or lying about, however a test process ends.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use gwm_testkit::{Plan, Scratch, TestNats, TestPg, wait_for};

use crate::helpers::{runs, this_binary};

const SOON: Duration = Duration::from_secs(20);

/// Not a test by itself: starts both servers, tells where they are, and waits to be killed.
#[tokio::test]
#[ignore = "started by the test below"]
async fn victim() {
    let mut pg = TestPg::start().await;
    let mut nats = TestNats::start().await;
    let shared = TestPg::shared().await;
    let pids = [pg.process().pid(), nats.process().unwrap().pid()].map(Option::unwrap);
    println!(
        "\nvictim {} {} {} {}",
        pids[0],
        pids[1],
        pg.directory().display(),
        shared.directory().display()
    );
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn servers_and_their_files_go_when_the_test_process_is_killed() {
    let mut victim = this_binary("leftovers::victim").stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(victim.stdout.take().unwrap()).lines();
    let line = lines.map(Result::unwrap).find(|line| line.starts_with("victim ")).unwrap();
    let words: Vec<_> = line.split(' ').collect();
    let pids = [1, 2].map(|word: usize| words[word].parse::<u32>().unwrap());
    let directories = [3, 4].map(|word: usize| Path::new(words[word]));
    assert!(pids.iter().all(|pid| runs(*pid)), "both run before the kill: {line}");

    victim.kill().unwrap();
    victim.wait().unwrap();

    wait_for("everything to be gone", SOON, async || {
        let left: Vec<_> = pids.iter().filter(|pid| runs(**pid)).collect();
        let files: Vec<_> = directories.iter().filter(|path| path.exists()).collect();
        if left.is_empty() && files.is_empty() {
            Ok(())
        } else {
            Err(format!("{left:?} {files:?}"))
        }
    })
    .await;
}

#[tokio::test]
async fn dropping_a_server_leaves_no_process_and_no_file() {
    let mut pg = TestPg::start().await;
    let pid = pg.process().pid().unwrap();
    let directory = pg.directory().to_owned();
    assert!(runs(pid) && directory.exists());
    drop(pg);
    assert!(!runs(pid), "postgres {pid} is still there");
    assert!(!directory.exists(), "{} is still there", directory.display());
}

#[tokio::test]
async fn a_program_that_ignores_the_polite_signal_is_killed() {
    let scratch = Scratch::new("gwm-test-stubborn-").unwrap();
    let script = "trap '' TERM; echo ready; while :; do sleep 1; done";
    let mut stubborn = Plan::new("stubborn", "/bin/sh", scratch.path())
        .args(["-c", script])
        .stop_with("TERM", Duration::from_secs(1))
        .start()
        .unwrap();
    wait_for("its word", SOON, async || {
        stubborn.log_tail(1).contains("ready").then_some(()).ok_or("no word")
    })
    .await;
    let pid = stubborn.pid().unwrap();
    stubborn.stop().await.unwrap();
    assert!(!runs(pid));
}

#[tokio::test]
async fn a_program_that_ends_by_itself_is_reported_with_its_last_words() {
    let scratch = Scratch::new("gwm-test-short-").unwrap();
    let mut short = Plan::new("short", "/bin/sh", scratch.path())
        .args(["-c", "echo something broke; exit 3"])
        .start()
        .unwrap();
    let status = short.wait(SOON).await.unwrap();
    assert_eq!(status.code(), Some(3));
    let error = short.check_alive().unwrap_err().to_string();
    assert!(error.contains("something broke") && error.contains("short"), "{error}");
}

#[tokio::test]
async fn a_frozen_program_still_stops() {
    let scratch = Scratch::new("gwm-test-frozen-").unwrap();
    let mut frozen = Plan::new("frozen", "/bin/sleep", scratch.path()).arg("600").start().unwrap();
    wait_for("its number", SOON, async || frozen.pid().ok_or("none")).await;
    frozen.signal("STOP").unwrap();
    let pid = frozen.pid().unwrap();
    drop(frozen);
    assert!(!runs(pid));
}

#[tokio::test]
#[should_panic(expected = "last seen: 7 of 9")]
async fn a_wait_that_fails_says_what_it_saw_last() {
    wait_for("all nine", Duration::from_millis(50), async || Err::<(), _>("7 of 9")).await;
}
