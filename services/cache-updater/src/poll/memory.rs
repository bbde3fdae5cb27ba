//! What a poller keeps in memory of a cluster: hashes, doubts, times. Lost with the lease.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Instant;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::snapshot::{Slice, Slices, Wanted};
use crate::domain::{Absences, Verdict};
use crate::store::Known;

/// One kind of object.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) known: BTreeMap<Uuid, Known>,
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
        Self { known: known.into_iter().map(|k| (k.uuid, k)).collect(), ..Self::default() }
    }

    /// Whether a bulk answer that was asked for at `asked_at` is older than a read by name.
    pub(crate) fn outdated(&self, uuid: Uuid, asked_at: Instant) -> bool {
        self.read_by_name.get(&uuid).is_some_and(|at| *at >= asked_at)
    }

    fn wants(&self, uuid: Uuid, hash: i64) -> bool {
        self.known.get(&uuid).is_none_or(|k| k.raw_hash != hash || k.doubted || k.incomplete)
    }

    /// What is to be parsed and written.
    pub(crate) fn changed<'a>(
        &self,
        slices: &'a Slices,
    ) -> impl Iterator<Item = (Uuid, &'a Slice)> {
        slices
            .objects
            .iter()
            .filter(|(uuid, slice)| {
                !slice.json.is_empty() && !self.outdated(**uuid, slices.asked_at)
            })
            .map(|(uuid, slice)| (*uuid, slice))
    }

    /// What a complete answer means for what is known.
    pub(crate) fn judge(&mut self, slices: &Slices, began: Instant) -> Verdict {
        let known: BTreeSet<Uuid> = self.known.keys().copied().collect();
        let present: BTreeSet<Uuid> = slices.objects.keys().copied().collect();
        let excused: BTreeSet<Uuid> =
            known.iter().filter(|u| self.outdated(**u, slices.asked_at)).copied().collect();
        let at = slices.asked_at.saturating_duration_since(began);
        self.absences.judge(&known, &present, &excused, at)
    }

    /// Remembers what was written.
    pub(crate) fn stored(&mut self, uuid: Uuid, name: &str, hash: i64, incomplete: bool) {
        let known =
            Known { uuid, name: name.to_owned(), raw_hash: hash, doubted: false, incomplete };
        self.known.insert(uuid, known);
    }

    /// Remembers that it is not in the answer.
    pub(crate) fn doubt(&mut self, uuids: &[Uuid]) {
        for uuid in uuids {
            if let Some(known) = self.known.get_mut(uuid) {
                known.doubted = true;
            }
        }
    }

    /// Forgets what was removed.
    pub(crate) fn forget(&mut self, uuids: &[Uuid]) {
        for uuid in uuids {
            self.known.remove(uuid);
        }
    }
}

/// What [`super::Snapshot::read`] is told of a state, without holding it.
pub(crate) struct Want {
    nodes: HashMap<Uuid, i64>,
    instances: HashMap<Uuid, i64>,
    complete: BTreeSet<Uuid>,
    details: bool,
    groups: bool,
}

impl Want {
    /// A copy of the hashes: reads take long, and targeted ones go on meanwhile.
    pub(crate) fn of(state: &State, details: bool) -> Self {
        let hashes = |memory: &Memory| {
            memory
                .known
                .values()
                .filter(|k| !memory.wants(k.uuid, k.raw_hash))
                .map(|k| (k.uuid, k.raw_hash))
                .collect()
        };
        Self {
            nodes: hashes(&state.nodes),
            instances: hashes(&state.instances),
            complete: state
                .instances
                .known
                .values()
                .filter(|k| !k.incomplete)
                .map(|k| k.uuid)
                .collect(),
            details,
            groups: !state.groups.is_empty() && !state.nodes.known.values().any(|n| n.incomplete),
        }
    }
}

impl Wanted for Want {
    fn node(&self, uuid: Uuid, hash: i64) -> bool {
        self.nodes.get(&uuid) != Some(&hash)
    }
    fn instance(&self, uuid: Uuid, hash: i64) -> bool {
        self.instances.get(&uuid) != Some(&hash)
    }
    fn knows_hypervisor(&self, uuid: Uuid) -> bool {
        self.complete.contains(&uuid)
    }
    fn details(&self) -> bool {
        self.details
    }
    fn knows_groups(&self) -> bool {
        self.groups
    }
}
