//! DESIGN.md rule 13 with cache-updater's last replica dead: lists go on, aged, and say so; and nobody
//! sees what they may not see any more.

use gwm_integration_tests::{Answer, Api, Options, Part};
use gwm_testkit::wait_for;
use reqwest::Method;
use serde_json::json;

use crate::stage::{PATIENCE, Stage};

/// How old the answer says that it is, in seconds; none for one that is not old.
fn age(answer: &Answer) -> Option<u64> {
    answer.headers.get("gwm-stale").map(|age| age.to_str().unwrap().parse().unwrap())
}

async fn page(api: &Api, path: &str) -> Answer {
    api.send(api.raw(Method::GET, path)).await
}

/// What nobody answers and nobody answered before.
fn refused(answer: Answer) {
    let answer = answer.expect_status(503);
    assert!(answer.headers.contains_key("retry-after"));
    assert!(answer.json()["detail"].as_str().unwrap().contains("cache-updater"), "{}", answer.text);
}

const BANNER: &str = "The inventory service does not answer";

#[tokio::test(flavor = "multi_thread")]
async fn without_cache_updater_lists_go_on_and_say_how_old_they_are() {
    let mut stage = Stage::start(Options::test("faults-aged"), &["fra1"]).await;
    let admin = stage.admin.clone();
    let (mine, other) = (stage.stopped("fra1"), stage.running("fra1"));
    let carla = stage.user("carla").await;
    let grant = json!({"username": "carla", "role": "power", "cluster": "fra1", "instance": mine});
    let grant = admin.post("/grants", &grant).await.expect_status(201).ok();
    let sees = async |api: &Api, total: u64| {
        wait_for("the rights to reach the inventory", PATIENCE, async || {
            let seen = api.get("/instances").await;
            let right = seen.json()["total"] == total && age(&seen).is_none();
            if right { Ok(()) } else { Err(seen.text) }
        })
        .await;
    };
    sees(&carla, 1).await;
    let detail = format!("/clusters/fra1/instances/{mine}");
    // What is looked at before is there afterwards.
    let read = ["/instances", "/clusters", "/nodes", "/clusters/fra1", &detail];
    let pages = ["/", "/instances", "/clusters", "/nodes", "/clusters/fra1", &detail];
    for path in read {
        assert_eq!(age(&admin.get(path).await.expect_status(200)), None);
    }
    for path in pages {
        assert!(!page(&admin, path).await.expect_status(200).text.contains(BANNER));
    }
    let before = admin.get("/instances?limit=3").await.ok();
    let _seen = carla.get(&detail).await.expect_status(200);

    stage.stack.kill(Part::CacheUpdater, 0).await.unwrap();
    for path in read {
        let answer = admin.get(path).await.expect_status(200);
        assert!(age(&answer).is_some(), "{path} does not say that it is old");
    }
    for path in pages {
        let answer = page(&admin, path).await.expect_status(200);
        assert!(age(&answer).is_some() && answer.text.contains(BANNER), "{path}: {}", answer.text);
    }
    assert_eq!(admin.get("/instances?limit=3").await.ok(), before);
    // A cluster's data ages although nobody says so any more.
    let aged = async || admin.get("/clusters/fra1").await.ok()["health"]["data_age"].as_f64();
    let first = aged().await.unwrap();
    wait_for("the data to grow older", PATIENCE, async || {
        let now = aged().await.unwrap();
        if now > first { Ok(()) } else { Err(now.to_string()) }
    })
    .await;
    // What nobody asked for before is not there; a stream can't say in its middle that it is old.
    refused(admin.get("/instances?limit=4").await);
    refused(admin.get(&format!("/clusters/fra1/instances/{other}")).await);
    let shown = page(&admin, "/instances?q=nothing").await.text;
    assert!(shown.contains("could not be read") && shown.contains("Cache-updater does not"));
    // Nothing is done by what is old.
    let console = json!({"cluster": "fra1", "instance": mine, "kind": "vnc"});
    refused(admin.post("/consoles", &console).await);

    // Carla's own list is hers, while she may see it.
    assert_eq!(carla.get("/instances").await.ok()["total"], 1);
    let _gone = admin.delete(&format!("/grants/{}", grant["id"].as_str().unwrap())).await.ok();
    wait_for("the right to be gone", PATIENCE, async || {
        let seen = [carla.get("/instances").await, carla.get(&detail).await];
        if seen.iter().all(|s| s.status == 503) { Ok(()) } else { Err(seen[0].text.clone()) }
    })
    .await;
    for path in ["/instances", detail.as_str(), "/"] {
        let shown = page(&carla, path).await.text;
        assert!(!shown.contains(&format!("{detail}/startup")), "{shown}");
    }
    assert!(age(&admin.get("/instances").await.expect_status(200)).is_some());
    let _out = carla.delete("/session").await.expect_status(204);
    wait_for("the session to be over", PATIENCE, async || {
        let answer = carla.get("/instances").await;
        if answer.status == 401 { Ok(()) } else { Err(answer.text) }
    })
    .await;

    stage.stack.restart(Part::CacheUpdater, 0).await.unwrap();
    sees(&admin, 8).await;
    assert!(!page(&admin, "/instances").await.text.contains(BANNER));
    let carla = stage.stack.anonymous().login("carla", "a password for tests").await.unwrap();
    sees(&carla, 0).await;
}
