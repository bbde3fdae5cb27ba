//! One complete look at a cluster.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use gwm_rapi::ClusterInfo;
use uuid::Uuid;

use super::reader::Reader;
use super::slices::{Sight, Slices};
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

/// What is known already and need not be kept or read again.
#[derive(Debug, Default)]
pub(crate) struct Want {
    pub(crate) nodes: Sight,
    pub(crate) instances: Sight,
    /// Whether slowly changing things are due.
    pub(crate) details: bool,
    /// Whether the names of all node groups are known.
    pub(crate) knows_groups: bool,
}

impl Want {
    /// Of a first look: everything.
    pub(crate) fn everything() -> Self {
        Self { details: true, ..Self::default() }
    }
}

impl Snapshot {
    /// Reads it all, or fails.
    pub(crate) async fn read(reader: &Reader, expected: Option<Uuid>, want: &Want) -> Result<Self> {
        let observed_at = Utc::now();
        let info = reader.info(expected).await?;
        let started = Instant::now();
        let asked_at = Instant::now();
        let bulk = reader.call("nodes", reader.client.nodes_bulk_raw()).await?;
        let nodes = Slices::of(bulk, asked_at, &want.nodes)?;
        let asked_at = Instant::now();
        let bulk = reader.call("instances", reader.client.instances_bulk_raw()).await?;
        let bulk_took = started.elapsed();
        let instances = Slices::of(bulk, asked_at, &want.instances)?;
        let (mut groups, mut networks) = (None, None);
        if want.details || !want.knows_groups {
            let read = reader.call("groups", reader.client.groups()).await?;
            groups = Some(read.into_iter().map(|g| (g.uuid, g.name)).collect());
        }
        if want.details {
            let read = reader.call("networks", reader.client.networks()).await?;
            networks = Some(read.into_iter().map(|n| n.name).collect());
        }
        let hypervisors = if want.details || instances.incomplete {
            reader.hypervisors(None).await?.into_iter().collect()
        } else {
            HashMap::new()
        };
        Ok(Self { info, nodes, instances, groups, networks, hypervisors, observed_at, bulk_took })
    }
}
