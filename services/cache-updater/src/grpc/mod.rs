//! The gRPC services.

mod checks;
mod clusters;
mod convert;
mod convert_objects;
mod find;
mod forward;
mod imports;
mod internal;
mod inventory;
mod mask;
mod notes;
mod objects;
mod owner_tags;
mod probe;
mod registry;
mod usage;
mod watch;

use std::sync::Arc;

use gwm_authz::{Authz, Mode, Principal};
use gwm_kernel::Fault;
use gwm_query::CursorKey;
use gwm_types::{ClusterId, InstanceUuid, Object, Permission};
use tokio::sync::OnceCell;
use tonic::Request;
use uuid::Uuid;

use crate::config::Config;
use crate::domain::{ClusterRecord, InstanceRecord};
use crate::error::Result;
use crate::poll::{Access, Poller};
use crate::seen::Placement;
use crate::store::{Item, Store};
use forward::Forward;
pub(crate) use usage::UsageServer;

/// What all handlers share. Cloning is cheap.
#[derive(Debug, Clone)]
pub(crate) struct Server(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    authz: Authz,
    access: Access,
    poller: Poller,
    cursors: CursorKey,
    forward: Forward,
    interval_seconds: f64,
    /// As configured; empty: as the database made it up.
    installation: String,
    tag_prefix: OnceCell<String>,
}

impl Server {
    pub(crate) fn new(
        store: Store,
        authz: Authz,
        access: Access,
        poller: Poller,
        identity: gwm_kernel::grpc::TlsIdentity,
        config: &Config,
    ) -> Self {
        let cursors = access.vault.cursor_key();
        Self(Arc::new(Inner {
            store,
            authz,
            access,
            poller,
            cursors,
            forward: Forward::new(identity),
            interval_seconds: config.poll.interval.as_secs_f64(),
            installation: config.owner_tags.installation.clone(),
            tag_prefix: OnceCell::new(),
        }))
    }

    /// The person, if an administrator.
    fn administrator<T>(&self, request: &Request<T>, mode: Mode) -> Result<Principal, Fault> {
        let person = self.0.authz.principal(request, mode)?;
        self.0.authz.require_admin(&person)?;
        Ok(person)
    }

    /// The person and the cluster, for what only administrators do. Whoever sees nothing of the cluster
    /// does not learn by the refusal that it is there.
    async fn administered<T>(
        &self,
        request: &Request<T>,
        mode: Mode,
        cluster: &str,
    ) -> Result<(Principal, ClusterRecord)> {
        let person = self.0.authz.principal(request, mode)?;
        let cluster = self.visible_cluster(&person, cluster).await?;
        self.0.authz.require_admin(&person)?;
        Ok((person, cluster))
    }

    /// A cluster of which the person sees at least something; hidden is not found.
    async fn visible_cluster(&self, person: &Principal, key: &str) -> Result<ClusterRecord> {
        let found = self.0.store.fetch_cluster(key).await?;
        let seen =
            found.filter(|c| self.0.authz.sees(person, Object::Cluster(ClusterId(c.cluster_id))));
        Ok(seen.ok_or_else(|| Fault::not_found("cluster"))?)
    }

    /// A node or a node group that the person sees, and its cluster; from the rest it is hidden. `group` says which node
    /// group it is, or is in.
    async fn placed_object<T: Item>(
        &self,
        placement: &Placement,
        (cluster, object): (&str, &str),
        what: &'static str,
        group: impl Fn(&T) -> Option<Uuid>,
    ) -> Result<(ClusterRecord, T)> {
        let hidden = || Fault::not_found(what);
        let cluster = self.0.store.fetch_cluster(cluster).await?.ok_or_else(hidden)?;
        let id = cluster.cluster_id;
        let found = self.0.store.fetch_object::<T>(id, object).await?.ok_or_else(hidden)?;
        let shown = group(&found).is_some_and(|group| placement.shows_node_group(id, group));
        if !shown && !placement.shows(id) {
            return Err(hidden().into());
        }
        Ok((cluster, found))
    }

    /// An instance on which the person has this right, and its cluster; hidden is not found.
    async fn permitted_instance(
        &self,
        person: &Principal,
        (cluster, instance): (&str, &str),
        permission: Permission,
    ) -> Result<(ClusterRecord, InstanceRecord)> {
        let hidden = || Fault::not_found("instance");
        let cluster = self.visible_cluster(person, cluster).await.map_err(|error| {
            let fault = Fault::from(error);
            if fault.reason == "not_found" { hidden() } else { fault }
        })?;
        let found = self.0.store.fetch_instance(cluster.cluster_id, instance).await?;
        let found = found.ok_or_else(hidden)?;
        let object = Object::Instance(ClusterId(cluster.cluster_id), InstanceUuid(found.uuid));
        self.0.authz.require(person, permission, object)?;
        Ok((cluster, found))
    }
}
