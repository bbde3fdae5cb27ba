//! A browser that follows `/events` through whatever dies: as `EventSource` does, it comes back with
//! the id of the last message.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gwm_integration_tests::{Api, EventStream, ServerEvent};
use gwm_testkit::wait_for;
use serde_json::Value;
use tokio::task::AbortHandle;

use crate::acts::Made;
use crate::stage::{PATIENCE, Stage};

const COME_BACK: Duration = Duration::from_millis(100);

pub(crate) struct Witness {
    seen: Arc<Mutex<Vec<ServerEvent>>>,
    may_come_back: Arc<tokio::sync::Mutex<()>>,
    task: AbortHandle,
}

impl Witness {
    /// Follows from now on.
    pub(crate) async fn start(api: &Api) -> Self {
        let mut stream = EventStream::open(api, None).await.unwrap();
        let hello = stream.next().await.unwrap();
        let seen = Arc::new(Mutex::new(vec![hello]));
        let may_come_back = Arc::new(tokio::sync::Mutex::new(()));
        let (all, api, gate) = (Arc::clone(&seen), api.clone(), Arc::clone(&may_come_back));
        #[expect(clippy::disallowed_methods, reason = "a browser, not a service")]
        let task = tokio::spawn(async move {
            loop {
                while let Some(event) = stream.next().await {
                    all.lock().unwrap().push(event);
                }
                let after = stream.last_id.clone();
                stream = loop {
                    let _may = gate.lock().await;
                    match EventStream::open(&api, Some(&after)).await {
                        Ok(stream) => break stream,
                        // As a browser pauses before it comes back.
                        Err(_) => tokio::time::sleep(COME_BACK).await,
                    }
                };
            }
        });
        Self { seen, may_come_back, task: task.abort_handle() }
    }

    /// Once its stream breaks off, it does not come back before this is dropped.
    pub(crate) async fn keep_away(&self) -> tokio::sync::OwnedMutexGuard<()> {
        Arc::clone(&self.may_come_back).lock_owned().await
    }

    /// The end of both objects' stories was seen; nothing between was lost or came twice; and it was
    /// the same that integrators were told.
    pub(crate) async fn saw_all_of_it_once(&self, stage: &Stage, made: &Made, last: &Value) {
        let last = last["id"].as_str().unwrap();
        let told = |object: &str| {
            let ours = |(subject, event): (String, Value)| {
                subject.contains(object).then(|| event["id"].to_string())
            };
            stage.events.seen().into_iter().filter_map(ours).collect::<HashSet<_>>()
        };
        let all = wait_for("the browser to see the end", PATIENCE, async || {
            let all = self.seen.lock().unwrap().clone();
            for object in [&*made.uuid, &*made.job, last] {
                let of_it = all.iter().filter(|event| about(event) == object);
                let seen: HashSet<_> = of_it.map(|event| event.data["id"].to_string()).collect();
                if seen != told(object) {
                    return Err(format!("{object}: {} of {}", seen.len(), told(object).len()));
                }
            }
            Ok(all)
        })
        .await;
        let count = |name: &str| all.iter().filter(|event| event.name == name).count();
        assert_eq!(count("reset"), 0, "it was told to read everything anew");
        assert!(count("hello") > 1, "the stream never broke off");
        let mut place = places(&all[0].id);
        let mut ids = HashSet::new();
        for event in all.iter().filter(|event| event.name == "message") {
            assert!(ids.insert(event.data["id"].to_string()), "came twice: {event:?}");
            // An administrator sees all: the place in each class's stream grows by one at a time.
            let next = places(&event.id);
            let steps: u64 =
                next.iter().map(|(class, at)| at - place.get(class).copied().unwrap_or(0)).sum();
            assert_eq!(steps, 1, "something is missing between {place:?} and {event:?}");
            place = next;
        }
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The id of what the event is about.
fn about(event: &ServerEvent) -> &str {
    let object = &event.data["data"]["object"];
    object["uuid"].as_str().or_else(|| object["id"].as_str()).unwrap_or_default()
}

/// `inventory-12.jobs-3`.
fn places(id: &str) -> BTreeMap<String, u64> {
    let place = |part: &str| {
        let (class, at) = part.split_once('-').unwrap();
        (class.to_owned(), at.parse().unwrap())
    };
    id.split('.').filter(|part| !part.is_empty()).map(place).collect()
}
