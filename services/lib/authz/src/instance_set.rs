//! Many instances, as they are at one moment, under a name that is made of them.

use std::fmt;

use gwm_types::{ClusterId, InstanceUuid};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// The instances of a right that is held on many. Such a set never changes: what has the name has these and no others,
/// so a database that was given it once can be asked by the name alone.
pub struct InstanceSet {
    id: Uuid,
    clusters: Vec<ClusterId>,
    columns: (Vec<Uuid>, Vec<Uuid>),
}

impl InstanceSet {
    /// The set of these, whatever their order, and however often each comes.
    pub fn of(instances: impl Iterator<Item = (ClusterId, InstanceUuid)>) -> Self {
        let mut keys: Vec<(Uuid, Uuid)> = instances.map(|(c, u)| (c.0, u.0)).collect();
        keys.sort_unstable();
        keys.dedup();
        let mut hash = Sha256::new();
        for (cluster, uuid) in &keys {
            hash.update(cluster.as_bytes());
            hash.update(uuid.as_bytes());
        }
        let digest = hash.finalize();
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        let mut clusters: Vec<ClusterId> = keys.iter().map(|(c, _)| ClusterId(*c)).collect();
        clusters.dedup();
        Self { id: Uuid::from_bytes(id), clusters, columns: keys.into_iter().unzip() }
    }

    /// Its name.
    #[must_use]
    pub const fn id(&self) -> Uuid {
        self.id
    }

    /// The clusters that they are in, each once.
    #[must_use]
    pub fn clusters(&self) -> &[ClusterId] {
        &self.clusters
    }

    /// Its name, and how many are in it.
    #[must_use]
    pub fn sized(&self) -> (Uuid, usize) {
        (self.id, self.columns.0.len())
    }

    /// Clusters and UUIDs, side by side, each instance once.
    #[must_use]
    pub fn columns(&self) -> (&[Uuid], &[Uuid]) {
        (&self.columns.0, &self.columns.1)
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = (ClusterId, InstanceUuid)> + use<'_> {
        let pairs = self.columns.0.iter().zip(&self.columns.1);
        pairs.map(|(cluster, uuid)| (ClusterId(*cluster), InstanceUuid(*uuid)))
    }
}

// What is said of a set, and whether two are the same, the name says.
impl fmt::Debug for InstanceSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InstanceSet({})", self.id)
    }
}

impl PartialEq for InstanceSet {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for InstanceSet {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_instances_have_the_same_name_and_others_another() {
        let (one, two) = (ClusterId::generate(), ClusterId::generate());
        let all: Vec<_> =
            [one, two, one].into_iter().map(|c| (c, InstanceUuid::generate())).collect();
        let set = InstanceSet::of(all.iter().copied());
        let again = InstanceSet::of(all.iter().rev().chain(&all).copied());
        assert_eq!(set, again);
        assert_eq!((set.clusters().len(), set.iter().count(), again.columns().0.len()), (2, 3, 3));
        assert_ne!(set, InstanceSet::of(all[1..].iter().copied()));
        // Which cluster an instance is in matters, too.
        let moved = all.iter().map(|(_, uuid)| (one, *uuid));
        assert_ne!(set, InstanceSet::of(moved));
        assert!(!format!("{set:?}").contains(&all[0].1.to_string()));
    }
}
