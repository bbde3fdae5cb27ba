//! What is to be read out of turn, because a hook knocked or a Ganeti job ended: a bounded queue with a
//! budget. Whatever comes in, Ganeti gets one targeted read at a time, each object rarely, and beyond
//! the budget one look at everything instead.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use gwm_events::CauseKind;

/// An object is not read more often than this.
pub(crate) const OBJECT_GAP: Duration = Duration::from_secs(2);
/// More than this many at once are read by one look at everything.
const MOST_WAITING: usize = 20;
/// At most this many targeted reads in a minute; each is two or three requests.
const READS_A_MINUTE: usize = 30;
const MINUTE: Duration = Duration::from_secs(60);

/// What is read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Target {
    Instance(String),
    Node(String),
    /// Everything else is seen only by a complete look.
    Everything,
}

/// Why, and since when: a read that began before that says nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reason {
    pub(crate) at: DateTime<Utc>,
    pub(crate) cause: CauseKind,
    pub(crate) cause_id: Option<String>,
    /// A remove job ended well.
    pub(crate) removed: bool,
}

impl Reason {
    /// A hook knocked just now.
    pub(crate) fn hook() -> Self {
        Self { at: Utc::now(), cause: CauseKind::Hook, cause_id: None, removed: false }
    }
}

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Read(Target, Reason),
    /// Nothing before this.
    Wait(Instant),
    Idle,
}

/// The queue of one cluster.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiting: BTreeMap<Target, Reason>,
    read_at: HashMap<Target, Instant>,
    /// When the last reads began, oldest first.
    reads: VecDeque<Instant>,
    look: bool,
}

impl Queue {
    /// Takes one in; what is waiting already stays one read. A job's word is kept: it says more than a
    /// hook's.
    pub(crate) fn push(&mut self, target: Target, reason: Reason) {
        if target == Target::Everything {
            self.look = true;
            return;
        }
        if self.waiting.len() >= MOST_WAITING && !self.waiting.contains_key(&target) {
            self.waiting.clear();
            self.look = true;
            return;
        }
        match self.waiting.get_mut(&target) {
            Some(known) => {
                known.at = known.at.max(reason.at);
                if reason.cause == CauseKind::GanetiJob {
                    known.cause = reason.cause;
                    known.cause_id = reason.cause_id;
                }
                known.removed |= reason.removed;
            }
            None => {
                self.waiting.insert(target, reason);
            }
        }
    }

    /// Takes out what may be read now.
    pub(crate) fn next(&mut self, now: Instant) -> Next {
        self.reads.retain(|at| now.saturating_duration_since(*at) < MINUTE);
        self.read_at.retain(|_, at| now.saturating_duration_since(*at) < OBJECT_GAP);
        if self.waiting.is_empty() {
            return Next::Idle;
        }
        if self.reads.len() >= READS_A_MINUTE {
            self.waiting.clear();
            self.look = true;
            return Next::Idle;
        }
        let free = self.waiting.keys().find(|t| !self.read_at.contains_key(*t)).cloned();
        if let Some(target) = free {
            let reason = self.waiting.remove(&target).expect("it was just found");
            self.read_at.insert(target.clone(), now);
            self.reads.push_back(now);
            return Next::Read(target, reason);
        }
        let soonest = self.waiting.keys().filter_map(|t| self.read_at.get(t)).min();
        soonest.map_or(Next::Idle, |at| Next::Wait(*at + OBJECT_GAP))
    }

    /// Whether a look at everything is wanted; asked for once.
    pub(crate) fn take_look(&mut self) -> bool {
        std::mem::take(&mut self.look)
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance(number: usize) -> Target {
        Target::Instance(format!("web{number}"))
    }

    fn drain(queue: &mut Queue, now: Instant) -> usize {
        std::iter::from_fn(|| matches!(queue.next(now), Next::Read(..)).then_some(())).count()
    }

    #[test]
    fn many_knocks_for_one_object_are_one_read_and_the_next_waits() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        for _ in 0..1000 {
            queue.push(instance(1), Reason::hook());
        }
        assert_eq!(drain(&mut queue, now), 1);
        queue.push(instance(1), Reason::hook());
        assert_eq!(queue.next(now), Next::Wait(now + OBJECT_GAP));
        assert_eq!(drain(&mut queue, now + OBJECT_GAP), 1);
        assert!(!queue.take_look());
    }

    #[test]
    fn a_flood_over_many_objects_becomes_one_look() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        (0..=MOST_WAITING).for_each(|n| queue.push(instance(n), Reason::hook()));
        assert_eq!(drain(&mut queue, now), 0);
        assert!(queue.take_look());
        assert!(!queue.take_look());
    }

    #[test]
    fn no_minute_has_more_reads_than_the_budget() {
        let (mut queue, begin) = (Queue::default(), Instant::now());
        let mut read = 0;
        for second in 0..59_u8 {
            for n in 0..5 {
                queue.push(instance(usize::from(second) * 5 + n), Reason::hook());
            }
            read += drain(&mut queue, begin + Duration::from_secs(second.into()));
        }
        assert_eq!(read, READS_A_MINUTE);
        assert!(queue.take_look());
    }

    #[test]
    fn a_jobs_word_outlives_a_later_knock() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        let job = Reason {
            cause: CauseKind::GanetiJob,
            cause_id: Some("7".to_owned()),
            removed: true,
            ..Reason::hook()
        };
        queue.push(instance(1), job);
        queue.push(instance(1), Reason::hook());
        let Next::Read(_, reason) = queue.next(now) else { panic!("nothing to read") };
        assert_eq!((reason.cause, reason.removed), (CauseKind::GanetiJob, true));
    }
}
