//! What integrators were told.

use std::collections::HashSet;
use std::time::Duration;

use gwm_testkit::wait_for;
use serde_json::Value;

use crate::acts::Made;
use crate::stage::Stage;

/// The instance's life and the job that made it, in order, none missing.
pub(crate) async fn events_tell_it_all(stage: &Stage, made: &Made) {
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

/// All events about one object. A relay that died may have told one twice: the id is the same then.
fn events_of(stage: &Stage, class: &str, id: &str) -> Vec<Told> {
    let mut ids = HashSet::new();
    let told = |(subject, event): (String, Value)| {
        let parts: Vec<_> = subject.split('.').collect();
        let ours = parts.get(2) == Some(&class) && parts.get(5) == Some(&id);
        let first = ours && ids.insert(event["id"].to_string());
        first.then(|| Told {
            word: parts.last().copied().unwrap_or_default().to_owned(),
            changed: event["data"]["changed"].to_string(),
            sequence: event["sequence"].as_str().unwrap_or_default().parse().unwrap_or_default(),
            revision: event["data"]["object"]["revision"].as_u64().unwrap_or_default(),
        })
    };
    stage.events.seen().into_iter().filter_map(told).collect()
}
