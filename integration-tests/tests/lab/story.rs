//! The whole path on real Ganeti.

use std::time::{Duration, Instant};

use gwm_testkit::wait_for;
use serde_json::{Value, json};

use crate::fields;
use crate::ganeti;
use crate::stage::{CLUSTERS, PATIENCE, Stage, eventually, succeeded, wanted};

#[tokio::test(flavor = "multi_thread")]
async fn the_story_on_real_ganeti() {
    if !wanted() {
        return;
    }
    let begun = Instant::now();
    let say = |what: &str| eprintln!("{:6.1} s  {what}", begun.elapsed().as_secs_f64());
    let stage = Stage::start("lab-story").await;
    say("two clusters probed and added");
    fields::are_those_of_ganeti(&stage.admin).await;
    say("each field of each instance and node is as Ganeti says");

    let (one, two) = tokio::join!(create(&stage, "alpha"), create(&stage, "beta"));
    say("an instance made on each");
    fields::are_those_of_ganeti(&stage.admin).await;
    // alpha's console call is mended and its VNC servers ask for a password; beta is as shipped.
    for (cluster, name) in CLUSTERS.iter().zip([&one.name, &two.name]) {
        shows_qemus_picture(&stage, cluster, name).await;
        say(&format!("QEMU's picture on {cluster}"));
    }

    tokio::join!(
        changes_outside_show_up(&stage, "alpha", &one, &say),
        changes_outside_show_up(&stage, "beta", &two, &say),
    );
    tokio::join!(delete(&stage, "alpha", &one), delete(&stage, "beta", &two));
    say("deleted");
    for made in [&one, &two] {
        events_tell_it_all(&stage, made).await;
    }
    say("events in order, none missing");
}

struct Made {
    name: String,
    uuid: String,
    job: String,
}

async fn create(stage: &Stage, cluster: &str) -> Made {
    let name = format!("lab-story.{cluster}.lab.test");
    let body = json!({
        "cluster": cluster, "name": name, "os": "noop+default", "hypervisor": "kvm",
        "disk_template": "sharedfile", "disks": [{"size_mib": 64}], "memory_mib": 128, "vcpus": 1,
        "nics": [{"mode": "bridged", "link": "br0"}], "tags": ["made:here"],
        "pnode": format!("node2.{cluster}.lab.test"),
    });
    let job = stage.post("/instances", &body).await;
    let id = job["id"].as_str().unwrap();
    assert_eq!((&job["requested_by"], &job["stale"]), (&json!("admin"), &json!(false)), "{job:#}");
    assert_eq!(job["ganeti_jobs"].as_array().unwrap().len(), 1, "{job:#}");
    let log = stage.admin.get(&format!("/jobs/{id}/log")).await.ok();
    let lines = log["items"].as_array().unwrap();
    assert!(lines.iter().any(|line| line.to_string().contains("creating instance disks")), "{log}");
    // "succeeded" is said only when the inventory has read it.
    let seen = stage.admin.get(&format!("/clusters/{cluster}/instances/{name}")).await.ok();
    assert_eq!(seen["status"], "running", "{seen:#}");
    assert_eq!(seen["console_kinds"], json!(["vnc"]), "{seen:#}");
    let uuid = seen["uuid"].as_str().unwrap().to_owned();
    Made { name, uuid, job: id.to_owned() }
}

async fn shows_qemus_picture(stage: &Stage, cluster: &str, name: &str) {
    // The machine's first moments are black.
    wait_for("QEMU's picture", PATIENCE, async || {
        let mut console =
            stage.console(cluster, name).await.map_err(|error| format!("{error:#}"))?;
        assert_eq!(console.vnc.name(), format!("QEMU ({name})"));
        let picture = console.vnc.frame().await.map_err(|error| error.to_string())?;
        match picture.colours() {
            0 | 1 => Err("one colour".to_owned()),
            _ => Ok(()),
        }
    })
    .await;
}

/// Shutdown, then a tag, both from Ganeti's own command line.
async fn changes_outside_show_up(
    stage: &Stage,
    cluster: &'static str,
    made: &Made,
    say: &impl Fn(&str),
) {
    let path = format!("/clusters/{cluster}/instances/{}", made.name);
    ganeti::run_beside(cluster, &["gnt-instance", "shutdown", "--timeout=1", &made.name]).await;
    say(&format!("{cluster}: shut down on the command line"));
    let down = |seen: &Value| seen["status"] == "ADMIN_down" && seen["admin_state"] == "down";
    eventually("the shutdown to show up", &stage.admin, &path, down).await;
    say(&format!("{cluster}: the shutdown showed up"));
    ganeti::run_beside(cluster, &["gnt-instance", "add-tags", &made.name, "by:cli"]).await;
    let tagged = |seen: &Value| seen["tags"] == json!(["by:cli", "made:here"]);
    eventually("the tag to show up", &stage.admin, &path, tagged).await;
    say(&format!("{cluster}: a new tag showed up"));
}

async fn delete(stage: &Stage, cluster: &str, made: &Made) {
    let path = format!("/clusters/{cluster}/instances/{}", made.name);
    let job = stage.admin.delete(&path).await.expect_status(202).ok();
    succeeded(&stage.admin, &job).await;
    assert!(!ganeti::instances(cluster).contains(&made.name));
    wait_for("404 for what is gone", PATIENCE, async || match stage.admin.get(&path).await {
        gone if gone.status == 404 => Ok(()),
        there => Err(there.text),
    })
    .await;
    let listed = stage.admin.get("/instances?limit=200").await.ok();
    let items = listed["items"].as_array().unwrap();
    assert!(!items.iter().any(|item| item["uuid"] == made.uuid.as_str()), "it is still listed");
}

async fn events_tell_it_all(stage: &Stage, made: &Made) {
    let story = wait_for("the end of the story", Duration::from_secs(30), async || {
        let story = events_of(stage, "inventory", &made.uuid);
        let over = story.last().is_some_and(|event| event.word == "removed");
        let ended = events_of(stage, "jobs", &made.job);
        let ended = ended.last().is_some_and(|event| event.word == "succeeded");
        if over && ended { Ok(story) } else { Err(format!("{story:?}")) }
    })
    .await;
    eprintln!("{}: {story:?}", made.name);
    assert_eq!(story[0].word, "created");
    let at = |word: &str, field: &str| {
        let found = story.iter().position(|e| e.word == word && e.changed.contains(field));
        found.unwrap_or_else(|| panic!("no {word} of {field}: {story:?}"))
    };
    assert!(at("status_changed", "status") < at("changed", "tags"), "{story:?}");
    for pair in story.windows(2) {
        assert_eq!(pair[1].sequence, pair[0].sequence + 1, "{story:?}");
    }
    let job = events_of(stage, "jobs", &made.job);
    assert_eq!((&*job[0].word, &*job[1].word), ("queued", "started"), "{job:?}");
    // Progress is told at most once a second: in order, but not each step of it.
    assert!(job.is_sorted_by(|a, b| a.sequence < b.sequence), "{job:?}");
    assert!(story.iter().chain(&job).all(|told| told.sequence == told.revision), "{job:?}");
}

/// An event, as far as this story looks at it.
#[derive(Debug)]
struct Told {
    word: String,
    changed: String,
    sequence: u64,
    revision: u64,
}

fn events_of(stage: &Stage, class: &str, id: &str) -> Vec<Told> {
    let told = |(subject, event): (String, Value)| {
        let parts: Vec<_> = subject.split('.').collect();
        let ours = parts.get(2) == Some(&class) && parts.get(5) == Some(&id);
        ours.then(|| Told {
            word: parts.last().copied().unwrap_or_default().to_owned(),
            changed: event["data"]["changed"].to_string(),
            sequence: event["sequence"].as_str().unwrap_or_default().parse().unwrap_or_default(),
            revision: event["data"]["object"]["revision"].as_u64().unwrap_or_default(),
        })
    };
    stage.events.seen().into_iter().filter_map(told).collect()
}
