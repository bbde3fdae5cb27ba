//! Storing the first look at a cluster together with the cluster itself.

use std::collections::HashMap;

use chrono::Utc;
use gwm_events::types::inventory::{CLUSTER_ADDED, CLUSTER_FORGOTTEN};
use gwm_events::{Actor, CauseKind, Event};
use sqlx::PgConnection;

use super::look;
use super::objects::{Objects, Verdicts};
use super::snapshot::Snapshot;
use crate::domain::{ClusterRecord, InstanceRecord, NetworkRecord, NodeGroupRecord, NodeRecord};
use crate::error::Result;
use crate::store::{self, Context, What};

/// What the first look found.
pub(crate) struct Import<'a> {
    pub(crate) cluster: &'a ClusterRecord,
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) actor: Actor,
}

/// Stores cluster and contents, all or nothing.
pub(crate) async fn import(connection: &mut PgConnection, import: &Import<'_>) -> Result<()> {
    let Import { cluster, snapshot, actor } = import;
    cluster.insert(connection).await?;
    store::recall(&mut *connection, cluster.cluster_id).await?;
    let event = Event::new(CLUSTER_ADDED, "cache-updater", snapshot.observed_at, cluster.object())
        .actor(Some(actor.clone()))
        .traceparent(gwm_kernel::current_traceparent());
    gwm_pg::outbox::append(connection, &event.outbox_row()?).await?;
    let context = Context {
        cluster_id: cluster.cluster_id,
        slug: cluster.slug.clone(),
        observed_at: snapshot.observed_at,
        not_before: None,
        cause: CauseKind::Import,
        cause_id: None,
        first: true,
        made_here: false,
    };
    let groups = snapshot.groups.clone().unwrap_or_default();
    Objects::default().store(connection, &context, snapshot, &Verdicts::default()).await?;
    let nodes = look::nodes(snapshot.nodes.changed.iter(), snapshot, &groups)?;
    let node_groups: HashMap<String, String> =
        nodes.iter().map(|n| (n.name.clone(), n.node_group.clone())).collect();
    let changed = &snapshot.instances.changed;
    let uuids = changed.iter().map(|slice| slice.uuid).collect();
    let instances = look::instances(changed.iter(), snapshot, &node_groups);
    store::put(connection, &context, nodes).await?;
    store::put_each(connection, &context, uuids, instances).await?;
    store::recount(connection, cluster.cluster_id).await
}

/// Removes a cluster's record with all it holds: forgotten, not removed.
pub(crate) async fn forget(
    connection: &mut PgConnection,
    cluster: &ClusterRecord,
    actor: Actor,
) -> Result<()> {
    let context = Context {
        cluster_id: cluster.cluster_id,
        slug: cluster.slug.clone(),
        observed_at: Utc::now(),
        not_before: cluster.last_success,
        cause: CauseKind::Import,
        cause_id: None,
        first: false,
        made_here: false,
    };
    let instances = store::list_uuids::<InstanceRecord>(connection, cluster.cluster_id).await?;
    store::remove::<InstanceRecord>(connection, &context, &instances, What::Forgotten).await?;
    let nodes = store::list_uuids::<NodeRecord>(connection, cluster.cluster_id).await?;
    store::remove::<NodeRecord>(connection, &context, &nodes, What::Forgotten).await?;
    let groups = store::list_uuids::<NodeGroupRecord>(connection, cluster.cluster_id).await?;
    store::remove::<NodeGroupRecord>(connection, &context, &groups, What::Forgotten).await?;
    let networks = store::list_uuids::<NetworkRecord>(connection, cluster.cluster_id).await?;
    store::remove::<NetworkRecord>(connection, &context, &networks, What::Forgotten).await?;
    let mut object = cluster.object();
    object.revision += 1;
    let revision = cluster.revision + 1;
    let event = Event::new(CLUSTER_FORGOTTEN, "cache-updater", context.observed_at, object)
        .actor(Some(actor))
        .traceparent(gwm_kernel::current_traceparent());
    gwm_pg::outbox::append(connection, &event.outbox_row()?).await?;
    store::remember(&mut *connection, cluster, revision).await?;
    ClusterRecord::delete(connection, cluster.cluster_id).await
}
