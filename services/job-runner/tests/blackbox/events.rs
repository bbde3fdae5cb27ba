//! What integrators hear: each step of a job's life once, in order, none missing.

use std::collections::BTreeMap;

use gwm_testkit::wait_for;
use serde_json::{Value, json};

use crate::stage::{SOON, Stage};

#[tokio::test]
async fn a_job_is_told_from_queued_to_its_end_in_order() {
    let stage = Stage::new().await;
    let runner = stage.runner().await;
    stage.sim.set_job_time(std::time::Duration::from_millis(2500));
    let job = stage.submit(&runner, "reboot", &stage.instance(true), json!({})).await;
    let job = stage.ended(&runner, &job).await;
    let pool = stage.database.pool().await;
    let payloads: Vec<String> = wait_for("all events to be acknowledged", SOON, async || {
        let rows: Vec<(String, Option<i64>)> = sqlx::query_as(
            "select payload, stream_sequence from outbox where class = 'jobs' order by position",
        )
        .fetch_all(&pool)
        .await
        .unwrap();
        let left = rows.iter().filter(|(_, sequence)| sequence.is_none()).count();
        if left == 0 { Ok(rows.into_iter().map(|row| row.0).collect()) } else { Err(left) }
    })
    .await;
    let events: Vec<Value> =
        payloads.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    let events: Vec<&Value> = events
        .iter()
        .filter(|event| event["data"]["object"]["id"] == job.job_id.as_str())
        .collect();
    let names: Vec<&str> = events
        .iter()
        .map(|event| {
            let name = event["type"].as_str().unwrap();
            name.strip_prefix("org.ganeti.gwm.job.").unwrap().strip_suffix(".v1").unwrap()
        })
        .collect();
    assert_eq!(&names[..2], ["queued", "started"], "{names:?}");
    assert_eq!(names.last(), Some(&"succeeded"));
    assert!(names[2..names.len() - 1].iter().all(|name| *name == "progressed"), "{names:?}");
    assert!(names.len() > 3, "progress is told");
    let sequences: Vec<&str> =
        events.iter().map(|event| event["sequence"].as_str().unwrap()).collect();
    assert!(sequences.is_sorted() && sequences.windows(2).all(|w| w[0] != w[1]), "{sequences:?}");
    let last = events.last().unwrap();
    assert_eq!(last["sequence"], format!("{:020}", job.revision));
    assert_eq!(last["data"]["actor"]["username"], "root");

    // At most one job.progressed a second.
    let at = |event: &Value| -> f64 {
        let time = event["time"].as_str().unwrap();
        let seconds = time[17..].trim_end_matches('Z').parse::<f64>().unwrap();
        time[14..16].parse::<f64>().unwrap() * 60.0 + seconds
    };
    let progressed: Vec<f64> = events[2..events.len() - 1].iter().map(|event| at(event)).collect();
    for pair in progressed.windows(2) {
        assert!((pair[1] - pair[0]).rem_euclid(3600.0) > 0.9, "{progressed:?}");
    }

    // Begin and end are on their way to auth's audit log.
    let intake: Vec<String> =
        sqlx::query_scalar("select payload from outbox where class = 'intake' order by position")
            .fetch_all(&pool)
            .await
            .unwrap();
    let phases: BTreeMap<String, Value> = intake
        .iter()
        .map(|text| {
            let event: Value = serde_json::from_str(text).unwrap();
            let record = event["data"]["object"].clone();
            (record["phase"].as_str().unwrap().to_owned(), record)
        })
        .collect();
    assert_eq!(phases["begin"]["action"], "instance.reboot");
    assert_eq!(phases["end"]["outcome"], "succeeded");
}
