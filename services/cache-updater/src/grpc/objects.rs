//! What clusters are made of, for those who see the whole of one.

use gwm_authz::{Mode, Principal};
use gwm_kernel::Fault;
use gwm_proto::cache as pb;
use gwm_proto::cache::objects_server::Objects;
use gwm_proto::common::PageRequest;
use gwm_query::Table;
use gwm_types::{ClusterId, Object, Permission};
use tonic::{Request, Response, Status};

use super::Server;
use super::convert::{self, page_request, to_struct};
use super::convert_objects::{network, node_group, os, parameter};
use super::mask;
use crate::domain::{
    ClusterRecord, Freshness, InstanceSummary, NetworkRecord, NodeGroupRecord, NodeRecord,
};
use crate::domain::{parameters, unsigned};
use crate::error::Result;
use crate::seen::{Placement, Seen};
use crate::store::{
    INSTANCES, Listable, Listed, NETWORKS, NODE_GROUPS, NODES, OSES, OsRecord, Page,
    Request as ListRequest,
};

/// Objects shown with another: more is what lists are for.
const SHOWN: u32 = 200;

impl Server {
    async fn listed<T: Listable>(
        &self,
        person: &Principal,
        seen: &Seen,
        table: &'static Table,
        page: &PageRequest,
    ) -> Result<(Page<Listed<T>>, Vec<Freshness>)> {
        let request = ListRequest {
            q: &page.q,
            sort: &page.sort,
            limit: page.limit,
            cursor: &page.cursor,
            seen,
            person: &person.user_id.to_string(),
            key: &self.0.cursors,
        };
        self.0.store.list::<T>(table, &request).await
    }

    /// The cluster, for somebody who sees all of it; from the rest what is in it is hidden.
    pub(super) async fn whole_cluster(
        &self,
        person: &Principal,
        cluster: &str,
        what: &'static str,
    ) -> Result<ClusterRecord> {
        let found = self.0.store.fetch_cluster(cluster).await?;
        let seen = found.filter(|c| {
            let object = Object::Cluster(ClusterId(c.cluster_id));
            self.0.authz.allows(person, Permission::View, object)
        });
        Ok(seen.ok_or_else(|| Fault::not_found(what))?)
    }
}

fn first(q: String) -> PageRequest {
    PageRequest { q, sort: "name".to_owned(), limit: SHOWN, cursor: String::new() }
}

fn counted(n: i64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

#[tonic::async_trait]
impl Objects for Server {
    async fn list_node_groups(
        &self,
        request: Request<pb::ListObjectsRequest>,
    ) -> Result<Response<pb::ListNodeGroupsResponse>, Status> {
        let decided = self.0.authz.decided();
        let person = self.0.authz.principal(&request, Mode::Read)?;
        let seen = Seen::of(&self.0.authz, &person).placed();
        let page = page_request(request.into_inner().page);
        let (listed, clusters) =
            self.listed::<NodeGroupRecord>(&person, &seen, &NODE_GROUPS, &page).await?;
        let rows = listed.rows.iter();
        Ok(decided.answer(pb::ListNodeGroupsResponse {
            node_groups: rows.map(|r| node_group(&r.item, r.cluster_id, &r.cluster)).collect(),
            page: Some(convert::page(&listed)),
            clusters: convert::freshnesses(&clusters, &seen.placement),
        }))
    }

    async fn get_node_group(
        &self,
        request: Request<pb::GetObjectRequest>,
    ) -> Result<Response<pb::NodeGroupDetail>, Status> {
        let decided = self.0.authz.decided();
        let person = self.0.authz.principal(&request, Mode::Read)?;
        let asked = request.get_ref();
        let seen = Seen::of(&self.0.authz, &person);
        let named = (asked.cluster.as_str(), asked.object.as_str());
        let of = |group: &NodeGroupRecord| Some(group.uuid);
        let (cluster, group) = self.placed_object(&seen.placement, named, "node group", of).await?;
        let id = cluster.cluster_id;
        let inside = || first(format!("cluster:{} node_group:\"{}\"", cluster.slug, group.name));
        let (nodes, _) =
            self.listed::<NodeRecord>(&person, &seen.placed(), &NODES, &inside()).await?;
        let (networks, _) =
            self.listed::<NetworkRecord>(&person, &seen, &NETWORKS, &inside()).await?;
        let instances = self.0.store.count_in_group(id, &group.name).await?;
        let connections = networks.rows.iter().flat_map(|r| {
            let here = r.item.connections.iter().filter(|c| c.node_group == group.name);
            here.map(|c| convert::connection(c, &r.item.name))
        });
        Ok(decided.answer(pb::NodeGroupDetail {
            node_group: Some(node_group(&group, id, &cluster.slug)),
            said: Some(to_struct(group.said.get())),
            parameters: parameters::of_group(group.said.get()).into_iter().map(parameter).collect(),
            nodes: nodes.rows.iter().map(|r| convert::node(&r.item, id, &cluster.slug)).collect(),
            connections: connections.collect(),
            instances: counted(instances),
            cluster: Some(convert::freshness(&cluster.freshness(), &seen.placement)),
        }))
    }

    async fn list_networks(
        &self,
        request: Request<pb::ListObjectsRequest>,
    ) -> Result<Response<pb::ListNetworksResponse>, Status> {
        let decided = self.0.authz.decided();
        let person = self.0.authz.principal(&request, Mode::Read)?;
        let seen = Seen::of(&self.0.authz, &person);
        let page = page_request(request.into_inner().page);
        let (listed, clusters) =
            self.listed::<NetworkRecord>(&person, &seen, &NETWORKS, &page).await?;
        let rows = listed.rows.iter();
        Ok(decided.answer(pb::ListNetworksResponse {
            networks: rows
                .map(|r| network(&r.item, r.cluster_id, &r.cluster, &seen.placement))
                .collect(),
            page: Some(convert::page(&listed)),
            clusters: convert::freshnesses(&clusters, &seen.placement),
        }))
    }

    async fn get_network(
        &self,
        request: Request<pb::GetObjectRequest>,
    ) -> Result<Response<pb::NetworkDetail>, Status> {
        let decided = self.0.authz.decided();
        let person = self.0.authz.principal(&request, Mode::Read)?;
        let asked = request.get_ref();
        let cluster = self.whole_cluster(&person, &asked.cluster, "network").await?;
        let id = cluster.cluster_id;
        let found = self.0.store.fetch_object::<NetworkRecord>(id, &asked.object).await?;
        let found = found.ok_or_else(|| Fault::not_found("network"))?;
        let seen = Seen::of(&self.0.authz, &person);
        let inside = first(format!("cluster:{} network:\"{}\"", cluster.slug, found.name));
        let (instances, _) =
            self.listed::<InstanceSummary>(&person, &seen, &INSTANCES, &inside).await?;
        let detail = pb::NetworkDetail {
            network: Some(network(&found, id, &cluster.slug, &seen.placement)),
            said: Some(to_struct(found.said.get())),
            instances_total: u32::try_from(instances.total).unwrap_or(u32::MAX),
            instances: convert::instances(instances.rows),
            cluster: Some(convert::freshness(&cluster.freshness(), &seen.placement)),
        };
        let placed = seen.placement.shows(id);
        Ok(decided.answer(if placed { detail } else { mask::network_detail(detail) }))
    }

    async fn list_oses(
        &self,
        request: Request<pb::ListObjectsRequest>,
    ) -> Result<Response<pb::ListOsesResponse>, Status> {
        let decided = self.0.authz.decided();
        let person = self.0.authz.principal(&request, Mode::Read)?;
        let seen = Seen::of(&self.0.authz, &person);
        let page = page_request(request.into_inner().page);
        let (listed, clusters) = self.listed::<OsRecord>(&person, &seen, &OSES, &page).await?;
        let names: Vec<_> =
            listed.rows.iter().map(|r| (r.cluster_id, r.item.name.clone())).collect();
        let counts = self.0.store.count_by_os(&names).await?;
        let row = |r: &Listed<OsRecord>| {
            let instances = counts.get(&(r.cluster_id, r.item.name.clone())).copied();
            os(&r.item, r.cluster_id, &r.cluster, counted(instances.unwrap_or(0)))
        };
        Ok(decided.answer(pb::ListOsesResponse {
            oses: listed.rows.iter().map(row).collect(),
            page: Some(convert::page(&listed)),
            clusters: convert::freshnesses(&clusters, &seen.placement),
        }))
    }

    async fn get_cluster_detail(
        &self,
        request: Request<pb::GetClusterRequest>,
    ) -> Result<Response<pb::ClusterDetail>, Status> {
        let decided = self.0.authz.decided();
        let person = self.0.authz.principal(&request, Mode::Read)?;
        let cluster = self.whole_cluster(&person, &request.get_ref().cluster, "cluster").await?;
        let said = self.0.store.fetch_info(cluster.cluster_id).await?;
        let holds = self.0.store.fetch_holds(cluster.cluster_id).await?;
        let administrator = self.0.authz.is_admin(&person);
        let placement = Placement::of(&self.0.authz, &person);
        let detail = pb::ClusterDetail {
            cluster: Some(convert::cluster(&cluster, true, administrator, &placement)),
            said: said.map(|said| to_struct(said.get())),
            node_groups: counted(holds.node_groups),
            networks: counted(holds.networks),
            oses: counted(holds.oses),
            master_candidates: counted(holds.master_candidates),
            memory_allocated_mib: unsigned(holds.memory_allocated_mib),
            disk_allocated_mib: unsigned(holds.disk_allocated_mib),
        };
        let placed = placement.shows(cluster.cluster_id);
        Ok(decided.answer(if placed { detail } else { mask::cluster_detail(detail) }))
    }
}
