//! One complete look at a cluster.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use gwm_rapi::ClusterInfo;
use uuid::Uuid;

use super::reader::{Details, Reader};
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
    /// The same as objects.
    pub(crate) node_group_slices: Option<Slices>,
    pub(crate) network_slices: Option<Slices>,
    pub(crate) hypervisors: HashMap<Uuid, String>,
    /// What only queries say of instances and nodes; none if they were not asked.
    pub(crate) instance_details: Option<Details>,
    pub(crate) node_details: Option<Details>,
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
        // Few, and their names are needed: of these nothing counts as known, and what is the same is
        // left out later.
        let unknown = Sight::default();
        let (mut node_group_slices, mut network_slices) = (None, None);
        if want.details || !want.knows_groups {
            let asked_at = Instant::now();
            let bulk = reader.call("groups", reader.client.groups_raw()).await?;
            node_group_slices = Some(Slices::of(bulk, asked_at, &unknown)?);
        }
        if want.details {
            let asked_at = Instant::now();
            let bulk = reader.call("networks", reader.client.networks_raw()).await?;
            network_slices = Some(Slices::of(bulk, asked_at, &unknown)?);
        }
        let names = |slices: &Slices| {
            slices.changed.iter().map(|slice| (slice.uuid, slice.name.clone())).collect()
        };
        let groups = node_group_slices.as_ref().map(names);
        let networks = network_slices
            .as_ref()
            .map(|slices| slices.changed.iter().map(|slice| slice.name.clone()).collect());
        let (hypervisors, instance_details) = if want.details || instances.incomplete {
            let (hypervisors, details) = reader.instance_details().await?;
            (hypervisors, Some(details))
        } else {
            (HashMap::new(), None)
        };
        let node_details = if want.details { Some(reader.node_details().await?) } else { None };
        Ok(Self {
            info,
            nodes,
            instances,
            groups,
            networks,
            node_group_slices,
            network_slices,
            hypervisors,
            instance_details,
            node_details,
            observed_at,
            bulk_took,
        })
    }
}
