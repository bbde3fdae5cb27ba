//! Which instances are in which selectors, as auth tells it. What a selector asks of them only auth knows.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use gwm_proto::auth::{Members, MembersOfCluster, Selected as Told};
use gwm_types::{ClusterId, InstanceUuid, SelectorId};
use uuid::Uuid;

use crate::InstanceSet;

/// Both ways: decisions go from the instance, lists from the selector.
#[derive(Debug, Default)]
pub struct Selected {
    of_instance: HashMap<(ClusterId, InstanceUuid), Vec<SelectorId>>,
    selectors: HashMap<SelectorId, Entry>,
}

#[derive(Debug, Default)]
struct Entry {
    /// The revision at which these came to be the members, as far as is known here.
    since: u64,
    members: HashMap<ClusterId, HashSet<InstanceUuid>>,
    /// The same, for lists; made when first asked for.
    set: OnceLock<Arc<InstanceSet>>,
}

impl Entry {
    fn changed(&mut self, revision: u64) {
        self.since = revision;
        self.set = OnceLock::new();
    }
}

impl Selected {
    /// Replaces everything.
    pub fn replace(&mut self, revision: u64, told: &[Members]) {
        let there: HashSet<SelectorId> = told.iter().filter_map(id_of).collect();
        let gone: Vec<_> =
            self.selectors.keys().filter(|id| !there.contains(id)).copied().collect();
        // They stay with nothing in them: since when is asked about by those who still hold them.
        for id in gone {
            self.put(revision, id, HashMap::new());
        }
        self.apply(revision, told, &[]);
    }

    /// Takes in which instances are in some selectors, then in which selectors some instances are.
    pub fn apply(&mut self, revision: u64, selectors: &[Members], instances: &[Told]) {
        for told in selectors {
            if let Some(id) = id_of(told) {
                self.put(revision, id, members(told));
            }
        }
        for told in instances {
            let (Ok(cluster), Ok(uuid)) = (told.cluster_id.parse(), told.uuid.parse()) else {
                tracing::error!(uuid = told.uuid, "selectors of something unreadable ignored");
                continue;
            };
            let now = told.selector_ids.iter().filter_map(|id| id.parse().ok()).collect();
            self.move_to(revision, (cluster, uuid), now);
        }
    }

    fn put(
        &mut self,
        revision: u64,
        id: SelectorId,
        now: HashMap<ClusterId, HashSet<InstanceUuid>>,
    ) {
        let known = self.selectors.contains_key(&id);
        let entry = self.selectors.entry(id).or_default();
        if known && entry.members == now {
            return;
        }
        entry.changed(revision);
        let before = std::mem::replace(&mut entry.members, now);
        let (of_instance, now) = (&mut self.of_instance, &self.selectors[&id].members);
        for key in keys(&before).filter(|(c, u)| !now.get(c).is_some_and(|all| all.contains(u))) {
            forget(of_instance, key, id);
        }
        for key in keys(now).filter(|(c, u)| !before.get(c).is_some_and(|all| all.contains(u))) {
            of_instance.entry(key).or_default().push(id);
        }
    }

    fn move_to(&mut self, revision: u64, key: (ClusterId, InstanceUuid), now: Vec<SelectorId>) {
        let before = self.of_instance.get(&key).cloned().unwrap_or_default();
        for id in before.iter().filter(|id| !now.contains(id)) {
            let Some(entry) = self.selectors.get_mut(id) else { continue };
            entry.changed(revision);
            if let Some(all) = entry.members.get_mut(&key.0) {
                all.remove(&key.1);
                if all.is_empty() {
                    entry.members.remove(&key.0);
                }
            }
        }
        for id in now.iter().filter(|id| !before.contains(id)) {
            let entry = self.selectors.entry(*id).or_default();
            entry.changed(revision);
            entry.members.entry(key.0).or_default().insert(key.1);
        }
        if now.is_empty() {
            self.of_instance.remove(&key);
        } else {
            self.of_instance.insert(key, now);
        }
    }

    /// The selectors that an instance is in.
    #[must_use]
    pub fn of(&self, cluster: ClusterId, instance: InstanceUuid) -> &[SelectorId] {
        self.of_instance.get(&(cluster, instance)).map_or(&[], Vec::as_slice)
    }

    /// Since when a selector has the members that it has.
    pub(crate) fn since(&self, id: SelectorId) -> u64 {
        self.selectors.get(&id).map_or(0, |entry| entry.since)
    }

    /// Whether any instance of the cluster is in it.
    pub(crate) fn reaches(&self, id: SelectorId, cluster: ClusterId) -> bool {
        self.selectors.get(&id).is_some_and(|entry| entry.members.contains_key(&cluster))
    }

    /// The clusters of which instances are in it.
    pub(crate) fn clusters(&self, id: SelectorId) -> impl Iterator<Item = ClusterId> + use<'_> {
        self.selectors.get(&id).into_iter().flat_map(|entry| entry.members.keys().copied())
    }

    /// All that are in it.
    pub(crate) fn members(
        &self,
        id: SelectorId,
    ) -> impl Iterator<Item = (ClusterId, InstanceUuid)> + use<'_> {
        self.selectors.get(&id).into_iter().flat_map(|entry| keys(&entry.members))
    }

    /// How many are in it.
    pub(crate) fn count(&self, id: SelectorId) -> usize {
        self.selectors.get(&id).map_or(0, |e| e.members.values().map(HashSet::len).sum())
    }

    /// All that are in it, under the name that they have together; none for nothing.
    pub(crate) fn set(&self, id: SelectorId) -> Option<Arc<InstanceSet>> {
        let entry = self.selectors.get(&id).filter(|entry| !entry.members.is_empty())?;
        let make = || Arc::new(InstanceSet::of(keys(&entry.members)));
        Some(entry.set.get_or_init(make).clone())
    }

    /// Everything, as it is told to somebody who knows nothing.
    #[must_use]
    pub fn told(&self) -> Vec<Members> {
        let cluster = |(cluster, all): (&ClusterId, &HashSet<InstanceUuid>)| MembersOfCluster {
            cluster_id: cluster.to_string(),
            instances: all.iter().flat_map(|uuid| *uuid.0.as_bytes()).collect(),
        };
        let members = |(id, entry): (&SelectorId, &Entry)| Members {
            selector_id: id.to_string(),
            clusters: entry.members.iter().map(cluster).collect(),
        };
        self.selectors.iter().map(members).collect()
    }
}

fn id_of(told: &Members) -> Option<SelectorId> {
    let id = told.selector_id.parse().ok();
    if id.is_none() {
        tracing::error!(id = told.selector_id, "members of an unreadable selector ignored");
    }
    id
}

fn members(told: &Members) -> HashMap<ClusterId, HashSet<InstanceUuid>> {
    let mut all: HashMap<ClusterId, HashSet<InstanceUuid>> = HashMap::new();
    for part in &told.clusters {
        let Ok(cluster) = part.cluster_id.parse() else { continue };
        let uuids = part.instances.chunks_exact(16).filter_map(|b| Uuid::from_slice(b).ok());
        all.entry(cluster).or_default().extend(uuids.map(InstanceUuid));
    }
    all.retain(|_, uuids| !uuids.is_empty());
    all
}

fn keys(
    members: &HashMap<ClusterId, HashSet<InstanceUuid>>,
) -> impl Iterator<Item = (ClusterId, InstanceUuid)> + use<'_> {
    members.iter().flat_map(|(cluster, all)| all.iter().map(|uuid| (*cluster, *uuid)))
}

fn forget(
    of_instance: &mut HashMap<(ClusterId, InstanceUuid), Vec<SelectorId>>,
    key: (ClusterId, InstanceUuid),
    id: SelectorId,
) {
    if let Some(ids) = of_instance.get_mut(&key) {
        ids.retain(|known| *known != id);
        if ids.is_empty() {
            of_instance.remove(&key);
        }
    }
}
