//! Recent events, once for all browsers: read from JetStream by one follower, kept in a ring, handed
//! to each stream of `/api/v1/events`.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use gwm_events::{Class, Nats, Subject, Tail, TailFrom, TailItem};
use gwm_kernel::Boot;
use serde::Deserialize;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc};

/// How many events are kept a class: what a browser that was away may catch up on.
const KEEP: usize = 5_000;
/// How many a slow reader may lag before it is told to read everything anew.
const LAG: usize = 2_000;
/// How long a stream waits for what another gateway was faster to read.
const CATCH_UP: Duration = Duration::from_secs(2);

/// Cloning is cheap.
#[derive(Debug, Clone)]
pub(crate) struct Hub(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    recent: Mutex<BTreeMap<Class, Ring>>,
    live: broadcast::Sender<Item>,
}

#[derive(Debug, Default)]
struct Ring {
    events: VecDeque<Arc<HubEvent>>,
    /// All after this sequence are in `events`.
    complete_after: u64,
    /// The highest seen.
    last: u64,
    started: bool,
}

impl Ring {
    /// Up to where the class was read.
    fn read(&self) -> u64 {
        self.last.max(self.complete_after)
    }
}

/// What a stream is handed.
#[derive(Debug, Clone)]
pub(crate) enum Item {
    /// The next event.
    Event(Arc<HubEvent>),
    /// Something was lost: read the lists again.
    Reset,
}

/// An event with what deciding about it needs.
#[derive(Debug)]
pub(crate) struct HubEvent {
    /// Its class.
    pub(crate) class: Class,
    /// Its place in the class's stream.
    pub(crate) sequence: u64,
    /// The cluster's slug, if it belongs to one.
    pub(crate) cluster: Option<String>,
    /// `instance`, `job`, …
    pub(crate) kind: String,
    /// Ganeti's UUID or gwm's id.
    pub(crate) id: String,
    /// The instance that a job acts upon.
    pub(crate) job_instance: Option<String>,
    /// The node group that it is about, or that its node is in, by UUID.
    pub(crate) node_group: Option<String>,
    /// Who asked for the job, by login name.
    pub(crate) requested_by: Option<String>,
    /// The `CloudEvent` as published.
    pub(crate) payload: Bytes,
    /// What is left of it for those who may not see where instances run: made once, for all of them.
    placeless: OnceLock<Option<String>>,
}

/// Where a browser was: the last sequence seen of each class.
pub(crate) type Cursor = BTreeMap<Class, u64>;

impl Hub {
    /// Follows as long as the process lives; without NATS it waits, and pages poll.
    pub(crate) fn start(nats: Nats, boot: &Boot) -> Self {
        let hub =
            Self(Arc::new(Inner { recent: Mutex::default(), live: broadcast::Sender::new(LAG) }));
        let (out, mut items) = mpsc::channel(1_000);
        let starts = Class::PUBLIC.map(|class| (class, TailFrom::Last(KEEP as u64))).to_vec();
        let soft = boot.tasks().shutdown().soft.clone();
        boot.tasks().spawn("events-tail", Tail::new(nats, starts).run(out, soft));
        let follower = hub.clone();
        let soft = boot.tasks().shutdown().soft.clone();
        boot.tasks().spawn("events-hub", async move {
            loop {
                tokio::select! {
                    item = items.recv() => match item {
                        Some(item) => follower.take_in(item),
                        None => return Ok(()),
                    },
                    () = soft.cancelled() => return Ok(()),
                }
            }
        });
        hub
    }

    fn take_in(&self, item: TailItem) {
        let mut recent = self.0.recent.lock().expect("no panic while held");
        let item = match item {
            TailItem::Reset { class, next_sequence } => {
                let ring = recent.entry(class).or_default();
                *ring =
                    Ring { complete_after: next_sequence - 1, started: true, ..Ring::default() };
                Item::Reset
            }
            TailItem::Message(message) => {
                let Some(event) = HubEvent::read(&message) else { return };
                let ring = recent.entry(event.class).or_default();
                if !ring.started {
                    ring.started = true;
                    ring.complete_after = event.sequence - 1;
                }
                if ring.events.len() == KEEP
                    && let Some(oldest) = ring.events.pop_front()
                {
                    ring.complete_after = oldest.sequence;
                }
                ring.last = event.sequence;
                let event = Arc::new(event);
                ring.events.push_back(event.clone());
                Item::Event(event)
            }
        };
        // Sent under the lock, so that a new subscriber misses nothing and gets nothing twice.
        // Nobody listening is no error.
        drop(self.0.live.send(item));
    }

    /// Waits, not for long, until what `cursor` has seen was read here too: a browser that comes from
    /// another gateway may be ahead of this one, above all of one that has just started.
    pub(crate) async fn catch_up(&self, cursor: &Cursor) {
        let mut live = self.0.live.subscribe();
        let behind = || {
            let recent = self.0.recent.lock().expect("no panic while held");
            cursor.iter().any(|(class, seen)| recent.get(class).is_some_and(|r| *seen > r.read()))
        };
        let wait =
            async { while behind() && !matches!(live.recv().await, Err(RecvError::Closed)) {} };
        // Too late: what it has seen is not there any more, and it is told so.
        drop(tokio::time::timeout(CATCH_UP, wait).await);
    }

    /// What came after `cursor` and all that follows. Without a cursor: from now on. The middle
    /// part says whether something after the cursor is lost.
    pub(crate) fn subscribe(
        &self,
        cursor: Option<&Cursor>,
    ) -> (Cursor, bool, Vec<Arc<HubEvent>>, broadcast::Receiver<Item>) {
        let recent = self.0.recent.lock().expect("no panic while held");
        let live = self.0.live.subscribe();
        // A class that this follower has not read yet keeps its place.
        let mut position = cursor.cloned().unwrap_or_default();
        let (mut missed, mut lost) = (Vec::new(), false);
        for (class, ring) in recent.iter() {
            match cursor {
                Some(cursor) => {
                    // A cursor without this class is from before its first event.
                    let seen = cursor.get(class).copied().unwrap_or_default();
                    lost |= seen < ring.complete_after || seen > ring.read();
                    missed.extend(ring.events.iter().filter(|e| e.sequence > seen).cloned());
                    position.insert(*class, seen);
                }
                None => {
                    position.insert(*class, ring.read());
                }
            }
        }
        (position, lost, missed, live)
    }
}

/// The part of a job's event that decides who sees it.
#[derive(Deserialize)]
struct JobEvent {
    data: JobData,
}
#[derive(Deserialize)]
struct JobData {
    object: JobFields,
}
#[derive(Deserialize)]
struct JobFields {
    object: JobObject,
    requested_by: Option<String>,
}
#[derive(Deserialize)]
struct JobObject {
    kind: String,
    uuid: Option<String>,
}

/// The part of a node's event that decides who sees it.
#[derive(Deserialize)]
struct NodeEvent {
    data: NodeData,
}
#[derive(Deserialize)]
struct NodeData {
    object: NodeFields,
}
#[derive(Deserialize)]
struct NodeFields {
    node_group_uuid: Option<String>,
}

impl HubEvent {
    fn read(message: &gwm_events::TailMessage) -> Option<Self> {
        let Ok(subject) = message.subject.parse::<Subject>() else {
            tracing::warn!(subject = message.subject, "event with a foreign subject ignored");
            return None;
        };
        let job = (subject.kind == "job")
            .then(|| serde_json::from_slice::<JobEvent>(&message.payload))
            .and_then(Result::ok)
            .map(|e| e.data.object);
        let (job_instance, requested_by) = match job {
            Some(job) => {
                (job.object.uuid.filter(|_| job.object.kind == "instance"), job.requested_by)
            }
            None => (None, None),
        };
        let node_group = match subject.kind.as_str() {
            "node_group" => Some(subject.id.clone()),
            "node" => serde_json::from_slice::<NodeEvent>(&message.payload)
                .ok()
                .and_then(|event| event.data.object.node_group_uuid),
            _ => None,
        };
        Some(Self {
            class: message.class,
            sequence: message.stream_sequence,
            cluster: subject.cluster,
            kind: subject.kind,
            id: subject.id,
            job_instance,
            node_group,
            requested_by,
            payload: message.payload.clone(),
            placeless: OnceLock::new(),
        })
    }

    /// The event for those who may not see where instances run; none when nothing of it is for them.
    pub(crate) fn without_placement(&self) -> Option<&str> {
        let left = || gwm_events::types::placement::without_placement(&self.kind, &self.payload);
        self.placeless.get_or_init(left).as_deref()
    }
}

#[cfg(test)]
mod tests {
    use gwm_events::TailMessage;

    use super::*;

    fn message(sequence: u64) -> TailItem {
        TailItem::Message(TailMessage {
            class: Class::Inventory,
            stream_sequence: sequence,
            subject: "gwm.v1.inventory.fra1.instance.0191f0d3-1111-7aaa-8bbb-0123456789ab.changed"
                .to_owned(),
            payload: Bytes::from_static(b"{}"),
        })
    }

    fn hub() -> Hub {
        Hub(Arc::new(Inner { recent: Mutex::default(), live: broadcast::Sender::new(LAG) }))
    }

    fn at(sequence: u64) -> Cursor {
        [(Class::Inventory, sequence)].into()
    }

    #[test]
    fn a_browser_that_was_away_gets_what_it_missed_once() {
        let hub = hub();
        (10..15).for_each(|n| hub.take_in(message(n)));
        let (_, lost, missed, mut live) = hub.subscribe(Some(&at(12)));
        assert!(!lost);
        assert_eq!(missed.iter().map(|e| e.sequence).collect::<Vec<_>>(), [13, 14]);
        hub.take_in(message(15));
        assert!(matches!(live.try_recv(), Ok(Item::Event(e)) if e.sequence == 15));
        assert!(live.try_recv().is_err());
    }

    #[test]
    fn one_that_was_away_too_long_or_saw_what_is_not_there_is_told_so() {
        let hub = hub();
        (10..15).for_each(|n| hub.take_in(message(n)));
        assert!(hub.subscribe(Some(&at(5))).1);
        assert!(hub.subscribe(Some(&at(900))).1);
        assert!(!hub.subscribe(Some(&at(9))).1);
    }

    #[tokio::test]
    async fn one_that_another_gateway_told_more_waits_until_it_was_read_here_too() {
        let hub = hub();
        (10..15).for_each(|n| hub.take_in(message(n)));
        let ahead = at(16);
        let reads_on = async { (15..18).for_each(|n| hub.take_in(message(n))) };
        // Polled in turn: the waiting begins before the first of them is read.
        let ((), ()) = tokio::join!(biased; hub.catch_up(&ahead), reads_on);
        let (_, lost, missed, _) = hub.subscribe(Some(&ahead));
        assert!(!lost);
        assert_eq!(missed.iter().map(|e| e.sequence).collect::<Vec<_>>(), [17]);
    }

    #[test]
    fn a_browser_that_left_before_the_first_event_of_a_class_gets_it() {
        let hub = hub();
        let before: Cursor = [(Class::Jobs, 7)].into();
        (1..3).for_each(|n| hub.take_in(message(n)));
        let (position, lost, missed, _) = hub.subscribe(Some(&before));
        assert!(!lost);
        assert_eq!(missed.iter().map(|e| e.sequence).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(position[&Class::Jobs], 7);
    }

    #[test]
    fn without_a_cursor_only_what_comes_is_sent() {
        let hub = hub();
        (1..4).for_each(|n| hub.take_in(message(n)));
        let (position, lost, missed, _) = hub.subscribe(None);
        assert!(missed.is_empty() && !lost);
        assert_eq!(position, at(3));
    }
}
