//! One instance read by name into the inventory, for whoever acted upon it.

use std::time::Instant;

use chrono::{DateTime, Utc};
use gwm_events::CauseKind;
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_64;

use super::session::Session;
use crate::domain::{ClusterRecord, InstanceRecord};
use crate::error::Result;
use crate::store::{self, Context, What};

/// What is asked.
#[derive(Debug, Clone)]
pub(crate) struct Observe {
    pub(crate) name: String,
    /// The object that was acted upon; none after a create.
    pub(crate) uuid: Option<Uuid>,
    /// A read that began before this doesn't count.
    pub(crate) not_before: DateTime<Utc>,
    pub(crate) cause: CauseKind,
    pub(crate) cause_id: Option<String>,
    /// A remove job ended well: together with this read that is proof.
    pub(crate) removed: bool,
}

/// What was found under the name; none: nothing, or another object than was asked for.
pub(crate) type Observed = Option<InstanceRecord>;

impl Session {
    /// Reads the instance and stores what was found.
    ///
    /// # Errors
    /// It could not be read, or the lease was lost meanwhile.
    pub(crate) async fn observe(&self, ask: &Observe) -> Result<Observed> {
        self.check_breaker()?;
        self.load().await?;
        if let Some(answer) = self.coalesced(ask).await? {
            return Ok(Some(answer));
        }
        let cluster = self.cluster().await?;
        let reader = self.reader(&cluster).await?;
        let (began, observed_at) = (Instant::now(), Utc::now());
        reader.info(Some(cluster.ganeti_uuid)).await?;
        let found = reader.instance(&ask.name).await?;
        let mut record = None;
        if let Some(said) = found {
            // Bulk answers are hashed as Ganeti wrote them; this one never equals them, so the
            // next poll parses the object once more and finds nothing changed.
            let text = serde_json::to_vec(&said).unwrap_or_default();
            let hash = !xxh3_64(&text).cast_signed();
            let mut read = InstanceRecord::of(&said, hash, observed_at);
            let known = {
                let state = self.state.lock().await;
                let state = state.as_ref().expect("it was loaded");
                read.node_group =
                    state.node_groups.get(&read.primary_node).cloned().unwrap_or_default();
                state.instances.known.get(&read.uuid).is_some_and(|k| !k.incomplete)
            };
            if !known {
                let rows = reader.hypervisors(&ask.name).await?;
                let own = rows.into_iter().find(|(uuid, _)| *uuid == read.uuid);
                read.hypervisor = own.map(|(_, h)| h).unwrap_or_default();
            }
            record = Some(read);
        }
        self.store_observation(ask, &cluster, record, began, observed_at).await
    }

    /// An answer that was read since `not_before` already.
    async fn coalesced(&self, ask: &Observe) -> Result<Option<InstanceRecord>> {
        {
            let state = self.state.lock().await;
            let state = state.as_ref().expect("it was loaded");
            let last = state.reads.get(&ask.name).copied().max(state.looked_at);
            if ask.removed || last.is_none_or(|at| at < ask.not_before) {
                return Ok(None);
            }
        }
        let found = self.store.fetch_instance(self.cluster_id, &ask.name).await?;
        Ok(found.filter(|i| !i.absent && ask.uuid.is_none_or(|u| u == i.uuid)))
    }

    async fn store_observation(
        &self,
        ask: &Observe,
        cluster: &ClusterRecord,
        record: Option<InstanceRecord>,
        began: Instant,
        observed_at: DateTime<Utc>,
    ) -> Result<Observed> {
        let mut state = self.state.lock().await;
        let state = state.as_mut().expect("it was loaded");
        let memory = &mut state.instances;
        let newer = |uuid: Uuid| memory.read_by_name.get(&uuid).is_some_and(|at| *at > began);
        let overtaken = record.as_ref().is_some_and(|r| newer(r.uuid));
        let mut gone = Vec::new();
        if let Some(uuid) = ask.uuid
            && record.as_ref().is_none_or(|r| r.uuid != uuid)
            && !newer(uuid)
            && memory.absences.refuted_by_name(uuid, ask.removed)
        {
            gone.push(uuid);
        }
        let context = Context {
            cluster_id: cluster.cluster_id,
            slug: cluster.slug.clone(),
            observed_at,
            not_before: cluster.last_success,
            cause: ask.cause,
            cause_id: ask.cause_id.clone(),
            first: false,
            made_here: ask.cause == CauseKind::GwmJob && ask.uuid.is_none(),
        };
        let mut tx = self.store.begin().await?;
        gwm_pg::lease::assert_held(&mut tx, &self.held).await?;
        // First, as everywhere: the cluster's counters are written last, and owners wait for each other too.
        ClusterRecord::lock(&mut tx, cluster.cluster_id).await?;
        let mut wrote = !gone.is_empty();
        store::remove::<InstanceRecord>(&mut tx, &context, &gone, What::Removed).await?;
        if let Some(record) = record.as_ref().filter(|_| !overtaken) {
            store::put(&mut tx, &context, vec![record.clone()]).await?;
            wrote = true;
        }
        if wrote {
            store::recount(&mut tx, cluster.cluster_id).await?;
        }
        tx.commit().await?;

        memory.forget(&gone);
        for uuid in &gone {
            memory.read_by_name.insert(*uuid, began);
        }
        if let Some(record) = record.as_ref().filter(|_| !overtaken) {
            memory.absences.seen(record.uuid);
            let known = memory.known.get(&record.uuid).is_some_and(|k| !k.incomplete);
            let incomplete = record.hypervisor.is_empty() && !known;
            memory.stored(record.uuid, &record.name, record.raw_hash, incomplete);
            memory.read_by_name.insert(record.uuid, began);
        }
        state.reads.insert(ask.name.clone(), observed_at);
        let Some(record) = record else { return Ok(None) };
        if ask.uuid.is_some_and(|u| u != record.uuid) {
            return Ok(None);
        }
        self.store.fetch_instance(self.cluster_id, &record.uuid.to_string()).await
    }
}
