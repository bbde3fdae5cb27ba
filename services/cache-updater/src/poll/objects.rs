//! Node groups, networks, what the cluster says of itself and what only queries say: the slower part of
//! a look. A look that did not read them says nothing about them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_64;

use super::attempt::settle;
use super::look;
use super::memory::Memory;
use super::reader::Reader;
use super::session::Session;
use super::slices::{Slice, Slices};
use super::snapshot::Snapshot;
use crate::domain::said::without_os_parameters;
use crate::domain::{InstanceRecord, NetworkRecord, NodeGroupRecord, NodeRecord, Verdict};
use crate::error::Result;
use crate::store::{self, Context, Item};

/// What a poller remembers of them.
#[derive(Debug, Default)]
pub(crate) struct Objects {
    pub(crate) node_groups: Memory,
    pub(crate) networks: Memory,
    /// Hashes of what was stored last.
    info: Option<u64>,
    instance_details: Option<u64>,
    node_details: Option<u64>,
}

/// What a look means for those that are known.
#[derive(Debug, Default)]
pub(super) struct Verdicts {
    pub(super) node_groups: Verdict,
    pub(super) networks: Verdict,
}

/// What was written, to be remembered once it is committed.
#[derive(Debug, Default)]
pub(super) struct Written {
    node_groups: Vec<(Uuid, String, i64)>,
    networks: Vec<(Uuid, String, i64)>,
    info: Option<u64>,
    instance_details: Option<u64>,
    node_details: Option<u64>,
    /// Something changed that the cluster's row counts.
    pub(super) counted: bool,
}

impl Verdicts {
    /// See [`Verdict::confirm`].
    pub(super) fn confirm(&mut self, word: &BTreeSet<Uuid>) {
        self.node_groups.confirm(word);
        self.networks.confirm(word);
    }

    /// How many are gone.
    pub(super) fn gone(&self) -> usize {
        self.node_groups.gone.len() + self.networks.gone.len()
    }
}

impl Objects {
    /// With what is stored.
    pub(super) fn of(node_groups: Vec<store::Known>, networks: Vec<store::Known>) -> Self {
        Self {
            node_groups: Memory::of(node_groups),
            networks: Memory::of(networks),
            ..Self::default()
        }
    }

    pub(super) fn judge(&mut self, snapshot: &Snapshot, began: Instant) -> Verdicts {
        let judge = |memory: &mut Memory, slices: &Option<Slices>| {
            slices.as_ref().map(|slices| memory.judge(slices, began)).unwrap_or_default()
        };
        Verdicts {
            node_groups: judge(&mut self.node_groups, &snapshot.node_group_slices),
            networks: judge(&mut self.networks, &snapshot.network_slices),
        }
    }

    /// Writes what differs, with its events.
    pub(super) async fn store(
        &self,
        connection: &mut PgConnection,
        context: &Context,
        snapshot: &Snapshot,
        verdicts: &Verdicts,
    ) -> Result<Written> {
        let mut written = Written::default();
        if let Some(slices) = &snapshot.node_group_slices {
            let groups = look::node_groups(slices, differing(&self.node_groups, slices), snapshot)?;
            written.node_groups =
                groups.iter().map(|g| (g.uuid, g.name.clone(), g.raw_hash)).collect();
            store::put(connection, context, groups).await?;
        }
        if let Some(slices) = &snapshot.network_slices {
            let networks = look::networks(slices, differing(&self.networks, slices), snapshot)?;
            written.networks =
                networks.iter().map(|n| (n.uuid, n.name.clone(), n.raw_hash)).collect();
            store::put(connection, context, networks).await?;
        }
        let doubted = settle::<NodeGroupRecord>(connection, context, &verdicts.node_groups).await?
            + settle::<NetworkRecord>(connection, context, &verdicts.networks).await?;
        written.counted =
            doubted > 0 || !written.node_groups.is_empty() || !written.networks.is_empty();

        let cluster = context.cluster_id;
        let hash = xxh3_64(snapshot.info.said.as_json().as_bytes());
        if self.info != Some(hash) {
            let said = without_os_parameters(snapshot.info.said.as_json());
            store::put_info(connection, cluster, &said).await?;
        }
        written.info = Some(hash);
        let (before, details) = (self.instance_details, &snapshot.instance_details);
        written.instance_details =
            put_details::<InstanceRecord>(connection, cluster, before, details.as_ref()).await?;
        let (before, details) = (self.node_details, &snapshot.node_details);
        written.node_details =
            put_details::<NodeRecord>(connection, cluster, before, details.as_ref()).await?;
        Ok(written)
    }

    /// Remembers what was committed.
    pub(super) fn stored(&mut self, written: Written, verdicts: &Verdicts) {
        for (memory, rows, verdict) in [
            (&mut self.node_groups, written.node_groups, &verdicts.node_groups),
            (&mut self.networks, written.networks, &verdicts.networks),
        ] {
            for (uuid, name, hash) in rows {
                memory.stored(uuid, &name, hash, false);
            }
            memory.doubt(&verdict.doubtful);
            memory.doubt(&verdict.missing);
            memory.forget(&verdict.gone);
        }
        self.info = written.info;
        self.instance_details = written.instance_details;
        self.node_details = written.node_details;
    }
}

/// Those whose text is not what is stored, and those that were doubted.
fn differing<'a>(memory: &'a Memory, slices: &'a Slices) -> impl Iterator<Item = &'a Slice> {
    memory.changed(slices).filter(|slice| {
        memory
            .known
            .get(&slice.uuid)
            .is_none_or(|known| known.doubted || known.raw_hash != slice.hash)
    })
}

async fn put_details<T: Item>(
    connection: &mut PgConnection,
    cluster: Uuid,
    before: Option<u64>,
    details: Option<&BTreeMap<Uuid, Value>>,
) -> Result<Option<u64>> {
    let Some(details) = details else { return Ok(before) };
    let text = serde_json::to_vec(details).unwrap_or_default();
    let hash = xxh3_64(&text);
    if before != Some(hash) {
        store::replace_details::<T>(connection, cluster, details).await?;
    }
    Ok(Some(hash))
}

impl Session {
    /// Reads by name what was absent once, as of nodes and instances.
    pub(super) async fn ask_objects_by_name(
        &self,
        reader: &Reader,
        verdicts: &mut Verdicts,
    ) -> Result<()> {
        for uuid in verdicts.node_groups.doubtful.clone() {
            let name = self.name_of(uuid, |s| &s.objects.node_groups.known).await;
            let Some(name) = name else { continue };
            let found = reader.node_group_uuid(&name).await?;
            let mut state = self.state.lock().await;
            let memory = &mut state.as_mut().expect("it was loaded").objects.node_groups;
            if memory.refuted(uuid, found) {
                verdicts.node_groups.gone.push(uuid);
            }
        }
        for uuid in verdicts.networks.doubtful.clone() {
            let name = self.name_of(uuid, |s| &s.objects.networks.known).await;
            let Some(name) = name else { continue };
            let found = reader.network_uuid(&name).await?;
            let mut state = self.state.lock().await;
            let memory = &mut state.as_mut().expect("it was loaded").objects.networks;
            if memory.refuted(uuid, found) {
                verdicts.networks.gone.push(uuid);
            }
        }
        Ok(())
    }

    /// Reads the OSes again when they are due. Nothing else waits for it, and what fails here says
    /// nothing about the cluster: OSes are asked of nodes, one of which may be down.
    pub(super) async fn refresh_oses(&self) {
        let every = self.settings.oses;
        {
            let mut tried = self.oses_tried.lock().expect("no panic while held");
            if tried.is_some_and(|at| at.elapsed() < every) {
                return;
            }
            *tried = Some(Instant::now());
        }
        let Ok(cluster) = self.cluster().await else { return };
        let due = cluster
            .oses_read_at
            .is_none_or(|at| (chrono::Utc::now() - at).to_std().unwrap_or_default() >= every);
        if due && let Err(error) = self.oses().await {
            tracing::info!(cluster = %self.cluster_id, %error, "OSes not read");
        }
    }
}
