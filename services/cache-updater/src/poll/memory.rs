//! What a poller keeps in memory of a cluster: hashes, doubts, times. Lost with the lease.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::objects::Objects;
use super::slices::{Sight, Slice, Slices};
use super::snapshot::Want;
use crate::domain::{Absences, Verdict};
use crate::store::Known;

/// One kind of object.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// Shared with a poll that is reading; whoever changes it meanwhile makes a copy.
    pub(crate) known: Arc<HashMap<Uuid, Known>>,
    /// In the order of the last answer that was stored.
    order: Arc<Vec<Uuid>>,
    pub(crate) absences: Absences,
    /// When objects were last read by name: older bulk answers say nothing about them.
    pub(crate) read_by_name: HashMap<Uuid, Instant>,
}

/// A whole cluster.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) began: Instant,
    pub(crate) nodes: Memory,
    pub(crate) instances: Memory,
    pub(crate) objects: Objects,
    pub(crate) groups: HashMap<Uuid, String>,
    /// Node group by node name.
    pub(crate) node_groups: HashMap<String, String>,
    pub(crate) details_at: Option<Instant>,
    /// When the last targeted read of a name began.
    pub(crate) reads: HashMap<String, DateTime<Utc>>,
    /// When the last complete look that was stored began.
    pub(crate) looked_at: Option<DateTime<Utc>>,
}

impl Memory {
    pub(crate) fn of(known: Vec<Known>) -> Self {
        let known = known.into_iter().map(|k| (k.uuid, k)).collect();
        Self { known: Arc::new(known), ..Self::default() }
    }

    /// Whether a bulk answer that was asked for at `asked_at` is older than a read by name.
    pub(crate) fn outdated(&self, uuid: Uuid, asked_at: Instant) -> bool {
        self.read_by_name.get(&uuid).is_some_and(|at| *at >= asked_at)
    }

    /// What is known now, for a read that takes long while targeted ones go on.
    fn sight(&self) -> Sight {
        Sight { known: Arc::clone(&self.known), order: Arc::clone(&self.order) }
    }

    /// What is to be parsed and written.
    pub(crate) fn changed<'a>(&self, slices: &'a Slices) -> impl Iterator<Item = &'a Slice> {
        slices.changed.iter().filter(|slice| !self.outdated(slice.uuid, slices.asked_at))
    }

    /// What a complete answer means for what is known.
    pub(crate) fn judge(&mut self, slices: &Slices, began: Instant) -> Verdict {
        let lacking: BTreeSet<Uuid> = slices.lacking(&self.known).collect();
        let excused: BTreeSet<Uuid> =
            lacking.iter().filter(|u| self.outdated(**u, slices.asked_at)).copied().collect();
        let at = slices.asked_at.saturating_duration_since(began);
        self.absences.judge(self.known.len(), &lacking, &excused, at)
    }

    /// What a read by name found of one that an answer lacked: whether that proves that it is gone.
    pub(crate) fn refuted(&mut self, uuid: Uuid, found: Option<Uuid>) -> bool {
        if found == Some(uuid) {
            self.absences.seen(uuid);
            return false;
        }
        self.absences.refuted_by_name(uuid, false)
    }

    /// Remembers what was written.
    pub(crate) fn stored(&mut self, uuid: Uuid, name: &str, hash: i64, incomplete: bool) {
        let known = Arc::make_mut(&mut self.known);
        let before = known.get(&uuid);
        let (place, length) = before.map_or((None, 0), |k| (k.place, k.length));
        let name = name.to_owned();
        let now = Known { uuid, name, raw_hash: hash, doubted: false, incomplete, place, length };
        known.insert(uuid, now);
    }

    /// Remembers where in the answer everything stood.
    pub(crate) fn learn(&mut self, slices: &Slices) {
        if slices.taken.is_empty() && slices.seen.len() == self.order.len() {
            return;
        }
        let known = Arc::make_mut(&mut self.known);
        let same = slices.seen.len() == self.order.len()
            && slices
                .taken
                .iter()
                .all(|n| self.order.get(*n) == slices.seen.get(*n).map(|s| &s.uuid));
        let mut place = |number: usize| {
            if let Some(seen) = slices.seen.get(number)
                && let Some(known) = known.get_mut(&seen.uuid)
            {
                (known.place, known.length) = (Some(number), seen.length);
            }
        };
        if same {
            slices.taken.iter().copied().for_each(&mut place);
        } else {
            (0..slices.seen.len()).for_each(&mut place);
            self.order = Arc::new(slices.seen.iter().map(|s| s.uuid).collect());
        }
    }

    /// Remembers that it is not in the answer.
    pub(crate) fn doubt(&mut self, uuids: &[Uuid]) {
        for uuid in uuids {
            if let Some(known) = Arc::make_mut(&mut self.known).get_mut(uuid) {
                known.doubted = true;
            }
        }
    }

    /// Forgets what was removed.
    pub(crate) fn forget(&mut self, uuids: &[Uuid]) {
        for uuid in uuids {
            Arc::make_mut(&mut self.known).remove(uuid);
        }
    }
}

impl Want {
    /// What a state knows; slowly changing things are read when `details` are due.
    pub(crate) fn of(state: &State, details: bool) -> Self {
        Self {
            nodes: state.nodes.sight(),
            instances: state.instances.sight(),
            details,
            knows_groups: !state.groups.is_empty()
                && !state.nodes.known.values().any(|n| n.incomplete),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use gwm_rapi::Bulk;
    use proptest::prelude::*;

    use super::*;

    /// Number of an object and what it says.
    type Said = (u8, u8);

    fn id(number: u8) -> Uuid {
        Uuid::from_u128(u128::from(number) + 1)
    }

    fn text(said: Said) -> String {
        // Texts of different lengths, with what may confuse a search for the end.
        let filling = r#"}],{\""#.repeat(usize::from(said.1 % 3));
        format!(
            r#"{{"name": "i{0}", "v": [{1}, "{filling}"], "uuid": "{2}"}}"#,
            said.0,
            said.1,
            id(said.0)
        )
    }

    fn answer(objects: &[Said], comma: &str) -> Bulk {
        let texts: Vec<String> = objects.iter().map(|said| text(*said)).collect();
        Bulk::new("test", format!("[{}]\n", texts.join(comma)).into())
    }

    fn look(memory: &Memory, bulk: Bulk) -> Result<Slices, crate::error::Error> {
        Slices::of(bulk, Instant::now(), &memory.sight())
    }

    /// Takes an answer in as a poll does: all that changed is stored, all that lacks is forgotten.
    fn take(memory: &mut Memory, slices: &Slices) {
        let lacking: Vec<Uuid> = slices.lacking(&memory.known).collect();
        for slice in &slices.changed {
            memory.stored(slice.uuid, &slice.name, slice.hash, false);
        }
        memory.forget(&lacking);
        memory.learn(slices);
    }

    fn objects() -> impl Strategy<Value = Vec<Said>> {
        let some = proptest::collection::btree_map(0..12_u8, 0..6_u8, 0..12);
        (some, any::<bool>()).prop_flat_map(|(some, sorted)| {
            let list: Vec<Said> = some.into_iter().collect();
            if sorted { Just(list).boxed() } else { Just(list).prop_shuffle().boxed() }
        })
    }

    proptest! {
        /// However answers are ordered and whatever came and went: the same is found as by parsing
        /// everything and comparing it.
        #[test]
        fn what_is_recognised_is_what_a_parse_would_find(
            answers in proptest::collection::vec((objects(), prop_oneof![Just(","), Just(" ,\n ")]), 1..8),
        ) {
            let mut memory = Memory::default();
            let mut naive: BTreeMap<Uuid, Said> = BTreeMap::new();
            for (said, comma) in answers {
                let slices = look(&memory, answer(&said, comma)).unwrap();
                let now: BTreeMap<Uuid, Said> = said.iter().map(|s| (id(s.0), *s)).collect();
                let seen: Vec<Uuid> = slices.seen.iter().map(|s| s.uuid).collect();
                prop_assert_eq!(seen, said.iter().map(|s| id(s.0)).collect::<Vec<_>>());
                let changed: Vec<Said> =
                    said.iter().filter(|s| naive.get(&id(s.0)) != Some(s)).copied().collect();
                let found: Vec<Uuid> = slices.changed.iter().map(|s| s.uuid).collect();
                prop_assert_eq!(found, changed.iter().map(|s| id(s.0)).collect::<Vec<_>>());
                for (slice, said) in slices.changed.iter().zip(changed) {
                    prop_assert_eq!(slices.text(slice), text(said).into_bytes());
                }
                let lacking: BTreeSet<Uuid> = slices.lacking(&memory.known).collect();
                let gone: BTreeSet<Uuid> =
                    naive.keys().filter(|uuid| !now.contains_key(uuid)).copied().collect();
                prop_assert_eq!(lacking, gone);
                take(&mut memory, &slices);
                naive = now;
            }
        }
    }

    #[test]
    fn a_second_look_at_the_same_parses_nothing() {
        let mut memory = Memory::default();
        let said = [(1, 0), (2, 1), (3, 2)];
        let first = look(&memory, answer(&said, ", ")).unwrap();
        assert_eq!(first.taken, [0, 1, 2]);
        take(&mut memory, &first);
        assert!(look(&memory, answer(&said, ", ")).unwrap().taken.is_empty());
        // One that is new, one that went: only what stands beside them is looked at.
        let next = look(&memory, answer(&[(9, 0), (1, 0), (3, 2)], ", ")).unwrap();
        assert_eq!(next.taken, [0, 2]);
    }

    #[test]
    fn what_is_doubted_is_written_again_though_it_is_the_same() {
        let mut memory = Memory::default();
        let said = [(1, 0), (2, 1)];
        let slices = look(&memory, answer(&said, ",")).unwrap();
        take(&mut memory, &slices);
        memory.doubt(&[id(2)]);
        let slices = look(&memory, answer(&said, ",")).unwrap();
        let names: Vec<&str> = slices.changed.iter().map(|s| s.name.as_str()).collect();
        assert_eq!((names, slices.taken.len()), (vec!["i2"], 0));
    }

    #[test]
    fn an_answer_that_is_cut_or_holds_something_twice_is_no_answer() {
        let mut memory = Memory::default();
        let slices = look(&memory, answer(&[(1, 0), (2, 1), (3, 2)], ",")).unwrap();
        take(&mut memory, &slices);
        let whole = answer(&[(1, 0), (2, 1), (3, 2)], ",");
        for end in 0..whole.body().len() - 1 {
            let cut = Bulk::new("test", whole.body().slice(..end));
            assert!(look(&memory, cut).is_err(), "the first {end} bytes");
        }
        let mut longer = whole.body().to_vec();
        longer.extend(b" []");
        assert!(look(&memory, Bulk::new("test", longer.into())).is_err());
        let twice = look(&memory, answer(&[(1, 0), (2, 1), (1, 0)], ",")).unwrap_err();
        assert!(twice.to_string().contains("twice"), "{twice}");
        let (one, other) = (text((1, 0)), text((7, 0)).replace("\"i7\"", "\"i1\""));
        let same = Bulk::new("test", format!("[{one},{other}]").into());
        let named = look(&memory, same).unwrap_err();
        assert!(named.to_string().contains("two objects called i1"), "{named}");
    }
}
