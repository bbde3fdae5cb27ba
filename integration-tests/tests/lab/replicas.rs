//! The same story with two of each service, of which one dies at each step and stays dead.

use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use gwm_integration_tests::Part;
use gwm_testkit::paths::postgres_bin;
use gwm_testkit::wait_for;
use serde_json::Value;

use crate::acts::{
    ask_for_one, ask_to_delete, is_deleted, is_made, shows_as_down, shows_qemus_picture,
    shut_down_outside, tag_outside_shows_up,
};
use crate::ganeti;
use crate::stage::{PATIENCE, Stage, eventually, wanted};
use crate::told::events_tell_it_all;
use crate::witness::Witness;

#[tokio::test(flavor = "multi_thread")]
async fn the_story_while_one_of_each_service_dies() {
    if !wanted() {
        return;
    }
    let begun = Instant::now();
    let say = |what: &str| eprintln!("{:6.1} s  {what}", begun.elapsed().as_secs_f64());
    let mut stage = Stage::start("lab-replicas", 2).await;
    let cluster = stage.admin.get("/clusters/alpha").await.ok();
    let before = ganeti::ops("alpha").len();
    let browser = Witness::start(&stage.admin).await;
    say("two clusters added to two of each service");

    let job = ask_for_one(&stage, "alpha").await;
    let at_ganeti = |job: &Value| job["ganeti_jobs"] != serde_json::json!([]);
    let path = format!("/jobs/{}", job["id"].as_str().unwrap());
    let open = eventually("the job at Ganeti", &stage.admin, &path, at_ganeti).await;
    assert_eq!(open["state"], "running", "it was to die before the end: {open:#}");
    let holder = lease_holder(&stage, Part::JobRunner, "submit:", &cluster).await;
    stage.stack.kill(Part::JobRunner, holder).await.unwrap();
    say("job-runner died while Ganeti makes the instance");
    let made = is_made(&stage, "alpha", &job).await;
    say("made");

    let console = shows_qemus_picture(&stage, "alpha", &made.name).await;
    let carrier = the_one_with(&stage, Part::VncProxy, "gwm_console_sessions").await;
    stage.stack.kill(Part::VncProxy, carrier).await.unwrap();
    let closed = tokio::time::timeout(PATIENCE, console.closed).await;
    let (code, reason) = closed.expect("the console ends with what carried it").unwrap();
    say(&format!("vnc-proxy died with a console open: {code:?} {reason}"));
    drop(shows_qemus_picture(&stage, "alpha", &made.name).await);
    say("the same picture through the other one");

    shut_down_outside("alpha", &made).await;
    let holder = lease_holder(&stage, Part::CacheUpdater, "poll/", &cluster).await;
    stage.stack.kill(Part::CacheUpdater, holder).await.unwrap();
    say("cache-updater died after a shutdown on the command line");
    shows_as_down(&stage, "alpha", &made).await;
    say("the shutdown showed up");

    let carrier = the_one_with(&stage, Part::WebGateway, "gwm_event_streams").await;
    let away = browser.keep_away().await;
    stage.stack.kill(Part::WebGateway, carrier).await.unwrap();
    say("web-gateway died between shutdown and tag");
    tag_outside_shows_up(&stage, "alpha", &made).await;
    drop(away);
    say("the tag showed up, and the browser comes back");

    stage.stack.kill(Part::Auth, 0).await.unwrap();
    let job = ask_to_delete(&stage, "alpha", &made).await;
    say("auth died before the delete was asked for");
    is_deleted(&stage, "alpha", &made, &job).await;
    say("deleted");

    // The login of the beginning, to which no 401 was ever answered.
    let me = eventually("the login", &stage.admin, "/me", |_| true).await;
    assert_eq!(me["username"], "admin", "{me:#}");
    assert_eq!(ganeti::ops("alpha").len(), before + 2, "one create and one remove");
    events_tell_it_all(&stage, &made).await;
    browser.saw_all_of_it_once(&stage, &made, &job).await;
    say("events in order, none missing, here and in the browser");
}

/// Which replica works on the cluster now.
async fn lease_holder(stage: &Stage, part: Part, prefix: &str, cluster: &Value) -> usize {
    let psql: PathBuf = postgres_bin().unwrap().join("psql");
    let url = stage.stack.database_url(part).unwrap();
    let name = format!("{prefix}{}", cluster["id"].as_str().unwrap());
    let query =
        format!("select holder_endpoint from lease where name = '{name}' and expires_at > now()");
    wait_for("somebody to work on the cluster", PATIENCE, async || {
        let output = Command::new(&psql).args(["-Atqc", &query, &url]).output();
        let output = output.map_err(|error| error.to_string())?;
        let seen = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let told = format!("{seen:?} {}", String::from_utf8_lossy(&output.stderr));
        let works =
            |&index: &usize| seen == format!("https://{}", stage.stack.grpc_address(part, index));
        (0..2).find(works).ok_or(told)
    })
    .await
}

/// Which replica alone has more than none of something, by its own metrics.
async fn the_one_with(stage: &Stage, part: Part, metric: &str) -> usize {
    wait_for(&format!("one {} with {metric}", part.name()), PATIENCE, async || {
        let mut with = Vec::new();
        for index in 0..2 {
            let url = format!("{}/metrics", stage.stack.admin_url(part, index));
            let answer = reqwest::get(&url).await.map_err(|error| format!("{error:?}"))?;
            let text = answer.text().await.map_err(|error| format!("{error:?}"))?;
            let line = text.lines().find_map(|line| line.strip_prefix(metric));
            if line.is_some_and(|count| count.trim() != "0") {
                with.push(index);
            }
        }
        <[usize; 1]>::try_from(with).map(|[one]| one).map_err(|with| format!("{with:?}"))
    })
    .await
}
