//! One complete look at a cluster.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use gwm_rapi::{Bulk, ClusterInfo};
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_64;

use super::reader::Reader;
use crate::error::Result;

/// What a cluster answered, whole.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) info: ClusterInfo,
    pub(crate) nodes: Slices,
    pub(crate) instances: Slices,
    /// Names by UUID; none if they were not read this time.
    pub(crate) groups: Option<HashMap<Uuid, String>>,
    pub(crate) networks: Option<Vec<String>>,
    pub(crate) hypervisors: HashMap<Uuid, String>,
    /// When the reading began.
    pub(crate) observed_at: DateTime<Utc>,
    /// How long the bulk reads took.
    pub(crate) bulk_took: Duration,
}

/// The objects of a bulk answer.
#[derive(Debug)]
pub(crate) struct Slices {
    /// When it was asked for, on the clock of [`Instant`].
    pub(crate) asked_at: Instant,
    pub(crate) objects: BTreeMap<Uuid, Slice>,
}

/// One object, not parsed yet.
#[derive(Debug, Clone)]
pub(crate) struct Slice {
    pub(crate) name: String,
    pub(crate) json: String,
    pub(crate) hash: i64,
}

/// What is known already and need not be kept or read again.
pub(crate) trait Wanted {
    /// Whether the object's text is needed: it differs from what is stored.
    fn node(&self, uuid: Uuid, hash: i64) -> bool;
    /// The same of an instance.
    fn instance(&self, uuid: Uuid, hash: i64) -> bool;
    /// Whether the hypervisor of this instance is known.
    fn knows_hypervisor(&self, uuid: Uuid) -> bool;
    /// Whether slowly changing things are due.
    fn details(&self) -> bool;
    /// Whether this node group's name is known.
    fn knows_groups(&self) -> bool;
}

/// Of a first look: everything.
pub(crate) struct Everything;

impl Wanted for Everything {
    fn node(&self, _: Uuid, _: i64) -> bool {
        true
    }
    fn instance(&self, _: Uuid, _: i64) -> bool {
        true
    }
    fn knows_hypervisor(&self, _: Uuid) -> bool {
        false
    }
    fn details(&self) -> bool {
        true
    }
    fn knows_groups(&self) -> bool {
        false
    }
}

impl Snapshot {
    /// Reads it all, or fails.
    pub(crate) async fn read(
        reader: &Reader,
        expected: Option<Uuid>,
        wanted: &(impl Wanted + Sync),
    ) -> Result<Self> {
        let observed_at = Utc::now();
        let info = reader.info(expected).await?;
        let started = Instant::now();
        let asked_at = Instant::now();
        let bulk = reader.call("nodes", reader.client.nodes_bulk_raw()).await?;
        let nodes = Slices::of(&bulk, asked_at, |uuid, hash| wanted.node(uuid, hash))?;
        let asked_at = Instant::now();
        let bulk = reader.call("instances", reader.client.instances_bulk_raw()).await?;
        let bulk_took = started.elapsed();
        let instances = Slices::of(&bulk, asked_at, |uuid, hash| wanted.instance(uuid, hash))?;
        let details = wanted.details();
        let (mut groups, mut networks) = (None, None);
        if details || !wanted.knows_groups() {
            let read = reader.call("groups", reader.client.groups()).await?;
            groups = Some(read.into_iter().map(|g| (g.uuid, g.name)).collect());
        }
        if details {
            let read = reader.call("networks", reader.client.networks()).await?;
            networks = Some(read.into_iter().map(|n| n.name).collect());
        }
        let unknown = instances.objects.keys().any(|uuid| !wanted.knows_hypervisor(*uuid));
        let hypervisors = if details || unknown {
            reader.hypervisors(None).await?.into_iter().collect()
        } else {
            HashMap::new()
        };
        Ok(Self { info, nodes, instances, groups, networks, hypervisors, observed_at, bulk_took })
    }
}

impl Slices {
    /// Hashes every object and keeps the text of those that are wanted.
    fn of(bulk: &Bulk, asked_at: Instant, wanted: impl Fn(Uuid, i64) -> bool) -> Result<Self> {
        let mut objects = BTreeMap::new();
        for object in bulk.objects()? {
            let uuid = Uuid::try_parse(&object.uuid).map_err(|_| {
                crate::error::Error::Stored(
                    "Ganeti's answer holds an object without a UUID".to_owned(),
                )
            })?;
            let text = object.raw.get();
            let hash = xxh3_64(text.as_bytes()).cast_signed();
            let json = if wanted(uuid, hash) { text.to_owned() } else { String::new() };
            objects.insert(uuid, Slice { name: object.name.into_owned(), json, hash });
        }
        Ok(Self { asked_at, objects })
    }
}
