//! One poll: read everything, compare, store what differs with its events.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};
use gwm_events::types::EventType;
use gwm_events::types::inventory::{CLUSTER_CHANGED, CLUSTER_REACHABLE, CLUSTER_UNREACHABLE};
use gwm_events::{CauseKind, Event};
use uuid::Uuid;

use super::look;
use super::memory::State;
use super::objects::Verdicts;
use super::reader::Reader;
use super::session::{Polling, Session};
use super::snapshot::{Snapshot, Want};
use crate::domain::{BREAKER_AT, ClusterRecord, InstanceRecord, NodeRecord, Verdict, differences};
use crate::error::{Error, Result};
use crate::store::{self, Context, Health, What};

/// At most this many doubtful objects are read by name in one poll; the rest wait for the second
/// complete answer.
const NAMED_READS: usize = 20;
/// Rows written in one transaction.
const BATCH: usize = 1000;
/// How often it is looked whether a paused cluster was resumed: the edit itself says so at once, to
/// the replica that it reaches.
const PAUSED_LOOK: Duration = Duration::from_secs(5);
/// The pause is at least this many times the last bulk read's duration.
pub(super) const REST: u32 = 20;

impl Session {
    /// One poll and its outcome in the cluster's health; the pause until the next.
    pub(super) async fn attempt(&self, polling: &mut Polling) -> (Duration, Result<()>) {
        polling.started_at = Some(Utc::now());
        let outcome = self.look(polling).await;
        let pause = match &outcome {
            Ok(()) => self.interval(polling),
            Err(error) if error.is_paused() => PAUSED_LOOK,
            Err(error) => {
                let chance = rand::random::<f64>();
                let mut trouble = self.trouble.lock().expect("no panic while held");
                trouble.error = error.to_string();
                trouble.backoff.failed(chance)
            }
        };
        if let Err(error) = &outcome
            && !error.is_ours()
        {
            self.next_endpoint();
            if let Err(error) = self.store_failure(polling, error, pause).await {
                tracing::warn!(cluster = %self.cluster_id, %error, "health not stored");
            }
        }
        (pause, outcome)
    }

    fn interval(&self, polling: &Polling) -> Duration {
        // What job lists took meanwhile counts too.
        let took = polling.bulk_took + self.wake.take_spent();
        polling.interval.unwrap_or(self.settings.interval).max(took * REST)
    }

    async fn look(&self, polling: &mut Polling) -> Result<()> {
        let cluster = self.cluster().await?;
        polling.interval = (cluster.poll_interval_seconds > 0)
            .then(|| Duration::from_secs(cluster.poll_interval_seconds.unsigned_abs().into()));
        self.load().await?;
        let want = self.want().await;
        let reader = self.reader(&cluster).await?;
        let snapshot = Snapshot::read(&reader, Some(cluster.ganeti_uuid), &want).await?;
        drop(want);
        self.take_in(polling, &snapshot, Some(&reader)).await?;
        let ends = reader.client.certificate_not_after();
        if ends != cluster.certificate_not_after {
            self.store.note_certificate(&self.held, self.cluster_id, ends).await?;
        }
        self.trouble.lock().expect("no panic while held").backoff.succeeded();
        metrics::gauge!("gwm_cluster_up", "cluster" => cluster.slug).set(1.0);
        Ok(())
    }

    /// What the next look need not read again.
    pub(crate) async fn want(&self) -> Want {
        let state = self.state.lock().await;
        let state = state.as_ref().expect("it was loaded");
        let due = state.details_at.is_none_or(|at| at.elapsed() >= self.settings.details);
        Want::of(state, due)
    }

    /// Compares a complete answer with what is known and stores the differences with their events;
    /// what is doubtful is asked for by name, where there is somebody to ask.
    pub(crate) async fn take_in(
        &self,
        polling: &mut Polling,
        snapshot: &Snapshot,
        reader: Option<&Reader>,
    ) -> Result<()> {
        polling.bulk_took = snapshot.bulk_took;
        // Before anything is concluded: an answer that can't be read is no proof of absence either.
        let parsed = {
            let state = self.state.lock().await;
            Parsed::of(state.as_ref().expect("it was loaded"), snapshot)?
        };
        let (mut verdicts, mut objects) = {
            let mut state = self.state.lock().await;
            let state = state.as_mut().expect("it was loaded");
            let began = state.began;
            let verdicts = (
                state.nodes.judge(&snapshot.nodes, began),
                state.instances.judge(&snapshot.instances, began),
            );
            (verdicts, state.objects.judge(snapshot, began))
        };
        verdicts.0.confirm(&polling.confirmed);
        verdicts.1.confirm(&polling.confirmed);
        objects.confirm(&polling.confirmed);
        if let Some(reader) = reader {
            self.ask_by_name(reader, &mut verdicts.0, &mut verdicts.1).await?;
            self.ask_objects_by_name(reader, &mut objects).await?;
        }
        let mut state = self.state.lock().await;
        let state = state.as_mut().expect("it was loaded");
        self.store_success(polling, state, snapshot, parsed, &verdicts, &objects).await?;
        polling.removed = verdicts.0.gone.len() + verdicts.1.gone.len() + objects.gone();
        Ok(())
    }

    /// Reads by name what was absent once: the answer is proof, sooner than the second poll.
    async fn ask_by_name(
        &self,
        reader: &Reader,
        nodes: &mut Verdict,
        instances: &mut Verdict,
    ) -> Result<()> {
        for uuid in instances.doubtful.iter().take(NAMED_READS).copied().collect::<Vec<_>>() {
            let Some(name) = self.name_of(uuid, |s| &s.instances.known).await else { continue };
            let found = reader.instance(&name).await?.map(|i| i.uuid);
            let mut state = self.state.lock().await;
            let absences = &mut state.as_mut().expect("it was loaded").instances.absences;
            if found == Some(uuid) {
                absences.seen(uuid);
            } else if absences.refuted_by_name(uuid, false) {
                instances.gone.push(uuid);
            }
        }
        for uuid in nodes.doubtful.iter().take(NAMED_READS).copied().collect::<Vec<_>>() {
            let Some(name) = self.name_of(uuid, |s| &s.nodes.known).await else { continue };
            let found = reader.node_uuid(&name).await?;
            let mut state = self.state.lock().await;
            let absences = &mut state.as_mut().expect("it was loaded").nodes.absences;
            if found == Some(uuid) {
                absences.seen(uuid);
            } else if absences.refuted_by_name(uuid, false) {
                nodes.gone.push(uuid);
            }
        }
        Ok(())
    }

    pub(super) async fn name_of(
        &self,
        uuid: Uuid,
        of: impl Fn(&State) -> &HashMap<Uuid, store::Known>,
    ) -> Option<String> {
        let state = self.state.lock().await;
        of(state.as_ref()?).get(&uuid).map(|k| k.name.clone())
    }

    async fn store_success(
        &self,
        polling: &Polling,
        state: &mut State,
        snapshot: &Snapshot,
        parsed: Parsed,
        (gone_nodes, gone_instances): &(Verdict, Verdict),
        gone_objects: &Verdicts,
    ) -> Result<()> {
        let Parsed { groups, mut nodes, node_groups, mut instances } = parsed;
        // Read by name meanwhile: this answer is older.
        nodes.retain(|n| !state.nodes.outdated(n.uuid, snapshot.nodes.asked_at));
        instances.retain(|i| !state.instances.outdated(i.uuid, snapshot.instances.asked_at));
        let written = (remembered(&nodes), remembered_instances(&instances));

        // Large changes go in parts: each short, each with its own fence.
        let mut last = instances;
        let mut changed = 0;
        while last.len() > BATCH {
            let rest = last.split_off(BATCH);
            let part = std::mem::replace(&mut last, rest);
            let mut tx = self.store.begin().await?;
            gwm_pg::lease::assert_held(&mut tx, &self.held).await?;
            let cluster = lock(&mut tx, self.cluster_id).await?;
            let context = context(&cluster, snapshot);
            changed += store::put(&mut tx, &context, part).await?;
            tx.commit().await?;
        }

        let mut tx = self.store.begin().await?;
        gwm_pg::lease::assert_held(&mut tx, &self.held).await?;
        let cluster = lock(&mut tx, self.cluster_id).await?;
        let context = context(&cluster, snapshot);
        let wrote = !nodes.is_empty() || !last.is_empty() || changed > 0;
        store::put(&mut tx, &context, nodes).await?;
        store::put(&mut tx, &context, last).await?;
        let doubted = settle::<NodeRecord>(&mut tx, &context, gone_nodes).await?
            + settle::<InstanceRecord>(&mut tx, &context, gone_instances).await?;
        let objects = state.objects.store(&mut tx, &context, snapshot, gone_objects).await?;
        if wrote || doubted > 0 || objects.counted || state.looked_at.is_none() {
            store::recount(&mut tx, self.cluster_id).await?;
        }
        let interval = self.interval(polling);
        store_cluster(&mut tx, cluster, snapshot, interval).await?;
        tx.commit().await?;

        state.objects.stored(objects, gone_objects);
        for (uuid, name, hash, incomplete) in written.0 {
            state.nodes.stored(uuid, &name, hash, incomplete);
        }
        for (uuid, name, hash, incomplete) in written.1 {
            // What was known before stays known when this look did not ask for it.
            let known = state.instances.known.get(&uuid).is_some_and(|k| !k.incomplete);
            state.instances.stored(uuid, &name, hash, incomplete && !known);
        }
        for (memory, verdict) in
            [(&mut state.nodes, gone_nodes), (&mut state.instances, gone_instances)]
        {
            memory.doubt(&verdict.doubtful);
            memory.doubt(&verdict.missing);
            memory.forget(&verdict.gone);
            memory.read_by_name.retain(|_, at| at.elapsed() < Duration::from_secs(600));
        }
        state.nodes.learn(&snapshot.nodes);
        state.instances.learn(&snapshot.instances);
        if groups != state.groups {
            // A node group was renamed: its nodes show the name.
            let all: Vec<Uuid> = state.nodes.known.keys().copied().collect();
            state.nodes.doubt(&all);
        }
        if node_groups != state.node_groups {
            // A node moved to another group: its instances show the group too.
            let all: Vec<Uuid> = state.instances.known.keys().copied().collect();
            state.instances.doubt(&all);
        }
        state.node_groups = node_groups;
        state.groups = groups;
        state.looked_at = Some(snapshot.observed_at);
        let hour_ago = Utc::now() - TimeDelta::hours(1);
        state.reads.retain(|_, at| *at > hour_ago);
        if snapshot.networks.is_some() {
            state.details_at = Some(Instant::now());
        }
        Ok(())
    }

    /// A failed look changes nothing but the health.
    async fn store_failure(&self, polling: &Polling, error: &Error, pause: Duration) -> Result<()> {
        let failures = self.trouble.lock().expect("no panic while held").backoff.failures();
        let mut tx = self.store.begin().await?;
        gwm_pg::lease::assert_held(&mut tx, &self.held).await?;
        let Some(mut cluster) = ClusterRecord::lock(&mut tx, self.cluster_id).await? else {
            return Ok(());
        };
        if cluster.paused {
            return Ok(());
        }
        let lost = cluster.reachable && (error.is_definitive() || failures >= BREAKER_AT);
        let reachable = cluster.reachable && !lost;
        let health = Health {
            reachable,
            last_success: None,
            error: error.to_string(),
            error_code: error.reason().to_owned(),
            next_attempt: Utc::now() + pause,
            interval_seconds: self.interval(polling).as_secs_f64(),
        };
        let revision = cluster.revision + i64::from(lost);
        cluster.update_health(&mut tx, &health, revision).await?;
        if lost {
            cluster.reachable = false;
            cluster.error.clone_from(&health.error);
            cluster.revision = revision;
            tell(&mut tx, CLUSTER_UNREACHABLE, &cluster, BTreeMap::new()).await?;
        }
        tx.commit().await?;
        metrics::gauge!("gwm_cluster_up", "cluster" => cluster.slug).set(if reachable {
            1.0
        } else {
            0.0
        });
        Ok(())
    }
}

/// What an answer says of the objects that changed.
struct Parsed {
    groups: HashMap<Uuid, String>,
    nodes: Vec<NodeRecord>,
    /// Node group by node name.
    node_groups: HashMap<String, String>,
    instances: Vec<InstanceRecord>,
}

impl Parsed {
    fn of(state: &State, snapshot: &Snapshot) -> Result<Self> {
        let groups = snapshot.groups.clone().unwrap_or_else(|| state.groups.clone());
        let nodes = look::nodes(state.nodes.changed(&snapshot.nodes), snapshot, &groups)?;
        let mut node_groups = state.node_groups.clone();
        node_groups.extend(nodes.iter().map(|n| (n.name.clone(), n.node_group.clone())));
        let changed = state.instances.changed(&snapshot.instances);
        let instances =
            look::instances(changed, snapshot, &node_groups).collect::<Result<Vec<_>>>()?;
        Ok(Self { groups, nodes, node_groups, instances })
    }
}

/// What is absent, missing and gone.
pub(super) async fn settle<T: store::Item>(
    connection: &mut sqlx::PgConnection,
    context: &Context,
    verdict: &Verdict,
) -> Result<usize> {
    let gone = store::remove::<T>(connection, context, &verdict.gone, What::Removed).await?;
    let doubtful: Vec<Uuid> =
        verdict.doubtful.iter().filter(|u| !verdict.gone.contains(u)).copied().collect();
    Ok(gone.len()
        + store::mark_absent::<T>(connection, context, &doubtful, false).await?
        + store::mark_absent::<T>(connection, context, &verdict.missing, true).await?)
}

/// The cluster's own row after a good look.
async fn store_cluster(
    connection: &mut sqlx::PgConnection,
    mut cluster: ClusterRecord,
    snapshot: &Snapshot,
    interval: Duration,
) -> Result<()> {
    let before = cluster.object();
    let offers = (cluster.offers.0.clone(), cluster.networks.clone());
    let told = cluster.take_info(&snapshot.info);
    if let Some(networks) = &snapshot.networks {
        cluster.networks.clone_from(networks);
    }
    cluster.revision += i64::from(told);
    if told || offers != (cluster.offers.0.clone(), cluster.networks.clone()) {
        cluster.update_info(connection).await?;
    }
    if told {
        let changed = differences(&before, &cluster.object(), &["revision"]);
        tell(connection, CLUSTER_CHANGED, &cluster, changed).await?;
    }
    let back = !cluster.reachable;
    cluster.revision += i64::from(back);
    let health = Health {
        reachable: true,
        last_success: Some(snapshot.observed_at),
        error: String::new(),
        error_code: String::new(),
        next_attempt: Utc::now() + interval,
        interval_seconds: interval.as_secs_f64(),
    };
    cluster.update_health(connection, &health, cluster.revision).await?;
    if back {
        cluster.reachable = true;
        cluster.error.clear();
        cluster.last_success = health.last_success;
        tell(connection, CLUSTER_REACHABLE, &cluster, BTreeMap::new()).await?;
    }
    Ok(())
}

async fn lock(connection: &mut sqlx::PgConnection, id: Uuid) -> Result<ClusterRecord> {
    let cluster = ClusterRecord::lock(connection, id).await?;
    let cluster = cluster.ok_or_else(|| gwm_kernel::Fault::not_found("cluster"))?;
    // Paused while it was read: what was read stays unsaid.
    cluster.check_paused()?;
    Ok(cluster)
}

fn context(cluster: &ClusterRecord, snapshot: &Snapshot) -> Context {
    Context {
        cluster_id: cluster.cluster_id,
        slug: cluster.slug.clone(),
        observed_at: snapshot.observed_at,
        not_before: cluster.last_success,
        cause: CauseKind::Poll,
        cause_id: None,
        first: cluster.last_success.is_none(),
        made_here: false,
    }
}

async fn tell(
    connection: &mut sqlx::PgConnection,
    kind: EventType<gwm_events::types::inventory::Cluster>,
    cluster: &ClusterRecord,
    changed: BTreeMap<String, serde_json::Value>,
) -> Result<()> {
    let event = Event::new(kind, "cache-updater", Utc::now(), cluster.object())
        .changed(changed)
        .not_before(cluster.last_success)
        .cause(CauseKind::Poll, None);
    Ok(gwm_pg::outbox::append(connection, &event.outbox_row()?).await?)
}

type Written = Vec<(Uuid, String, i64, bool)>;

fn remembered(nodes: &[NodeRecord]) -> Written {
    nodes.iter().map(|n| (n.uuid, n.name.clone(), n.raw_hash, n.node_group.is_empty())).collect()
}

fn remembered_instances(instances: &[InstanceRecord]) -> Written {
    instances
        .iter()
        .map(|i| (i.uuid, i.name.clone(), i.raw_hash, i.hypervisor.is_empty()))
        .collect()
}
