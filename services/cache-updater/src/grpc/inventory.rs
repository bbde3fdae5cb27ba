//! What clusters hold, for people.

use chrono::{TimeDelta, Utc};
use gwm_authz::{Mode, Principal};
use gwm_kernel::Fault;
use gwm_proto::cache as pb;
use gwm_proto::cache::inventory_client::InventoryClient;
use gwm_proto::cache::inventory_server::Inventory;
use gwm_rapi::ClusterInfo;
use gwm_types::{ClusterId, InstanceUuid, Object, Permission};
use serde_json::Value;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::Server;
use super::convert::{self, page_request, to_struct};
use super::convert_objects::parameter;
use super::forward::Forward;
use super::mask;
use crate::domain::{
    ClusterRecord, InstanceRecord, InstanceSummary, NodeGroupRecord, NodeRecord, Parameter,
    console_problem, parameters, policy, said, unsigned,
};
use crate::error::Result;
use crate::poll::Place;
use crate::seen::{Placement, Seen};
use crate::store::{self, INSTANCES, NODES};

/// Instances shown with a node: more is what lists are for.
const ON_NODE: u32 = 50;
const LONGEST_PERSONA: usize = 200;

impl Server {
    fn console(
        &self,
        cluster: &ClusterRecord,
        instance: &InstanceRecord,
        placed: bool,
    ) -> pb::ConsoleInfo {
        let params = serde_json::from_str(instance.hvparams.get()).unwrap_or_default();
        let problem = console_problem(&instance.hypervisor, &params, cluster.console_enabled).err();
        if let Some(problem) = problem {
            return pb::ConsoleInfo { kinds: Vec::new(), problem: problem.text };
        }
        let problem = if !cluster.reachable {
            let why = &cluster.error;
            let why = if placed { why } else { mask::error(why, &cluster.error_code) };
            format!("the cluster can't be reached: {why}")
        } else if instance.status != "running" && instance.status != "ERROR_up" {
            "the instance is not running; start it first".to_owned()
        } else {
            String::new()
        };
        pb::ConsoleInfo { kinds: vec!["vnc".to_owned()], problem }
    }

    fn permissions(&self, person: &Principal, object: Object) -> Vec<String> {
        self.0.authz.held(person, object).iter().map(|p| p.as_str().to_owned()).collect()
    }

    /// The OSes: stored, or read through whoever reads the cluster.
    async fn oses(
        &self,
        cluster: &ClusterRecord,
        request: &Request<pb::GetCreateOptionsRequest>,
    ) -> Result<Vec<String>, Fault> {
        let fresh = cluster.oses_read_at.is_some_and(|at| Utc::now() - at < TimeDelta::hours(1));
        if let (Some(oses), true) = (&cluster.oses, fresh) {
            return Ok(oses.clone());
        }
        let read = match self.0.poller.locate(cluster.cluster_id).await.map_err(Fault::from)? {
            Place::Here(session) => session.oses().await.map_err(Fault::from),
            Place::There(url) => {
                let again = Forward::again(request, request.get_ref().clone())?;
                let peer = self.0.forward.peer(&url).await?;
                let answer = InventoryClient::new(peer).get_create_options(again).await;
                answer.map(|a| a.into_inner().oses).map_err(Fault::from)
            }
            Place::Nowhere => Err(super::forward::moved()),
        };
        // Yesterday's OSes are better than no form.
        match (read, &cluster.oses) {
            (Ok(oses), _) => Ok(oses),
            (Err(fault), Some(oses)) => {
                tracing::info!(cluster = %cluster.slug, %fault, "OSes not read again");
                Ok(oses.clone())
            }
            (Err(fault), None) => Err(fault),
        }
    }

    /// Where each parameter comes from, and where the instance breaks its node group's policy. Names of
    /// OS parameters are for administrators: what an OS is told tells what runs in the guest.
    async fn explain(
        &self,
        cluster: Uuid,
        instance: &InstanceRecord,
        administrator: bool,
    ) -> Result<(Vec<Parameter>, Vec<String>)> {
        let store = &self.0.store;
        let info = store.fetch_info(cluster).await?;
        let info = info.and_then(|said| serde_json::from_str::<ClusterInfo>(said.get()).ok());
        let detail = store.fetch_detail::<InstanceRecord>(cluster, instance.uuid).await?;
        let names = detail.and_then(|d| serde_json::from_value(d["osparams"].clone()).ok());
        let names = names.filter(|_| administrator).unwrap_or_default();
        let parameters = match &info {
            Some(info) => parameters::of_instance(instance, info, &names),
            None => parameters::backend(instance),
        };
        let policy = self.policy(cluster, &instance.node_group).await?;
        Ok((parameters, policy::violations(instance, &policy)))
    }

    /// The policy in force in a node group; null if it is not known.
    async fn policy(&self, cluster: Uuid, group: &str) -> Result<Value> {
        let group = self.0.store.fetch_object::<NodeGroupRecord>(cluster, group).await?;
        let said = group.map(|group| said::fields_of(group.said.get()));
        Ok(said.and_then(|mut said| said.remove("ipolicy")).unwrap_or_default())
    }

    /// What the page of a node shows beside what lists do.
    async fn explain_node(&self, cluster: Uuid, node: &NodeRecord) -> Result<pb::NodeDetail> {
        let store = &self.0.store;
        let detail = store.fetch_detail::<NodeRecord>(cluster, node.uuid).await?;
        let group = store.fetch_object::<NodeGroupRecord>(cluster, &node.node_group).await?;
        let own = detail.as_ref().and_then(|d| d["custom_ndparams"].as_object());
        let group = group.as_ref().map(|g| g.said.get());
        let parameters = parameters::of_node(node.said.get(), own, group);
        let mut said = said::fields_of(node.said.get());
        said.insert("powered".to_owned(), detail.map_or(Value::Null, |d| d["powered"].clone()));
        let allocated = store.fetch_allocated(cluster, &node.name).await?;
        let cpus = node.cpus_total.and_then(|n| u64::try_from(n).ok());
        let policy = self.policy(cluster, &node.node_group).await?;
        let ratio = policy::cpu_ratio(unsigned(allocated.vcpus), cpus, &policy);
        Ok(pb::NodeDetail {
            said: Some(to_struct(&Value::Object(said).to_string())),
            parameters: parameters.into_iter().map(parameter).collect(),
            memory_allocated_mib: unsigned(allocated.memory_mib),
            disk_allocated_mib: unsigned(allocated.disk_mib),
            vcpus_allocated: u32::try_from(allocated.vcpus).unwrap_or(u32::MAX),
            violations: ratio.into_iter().collect(),
            ..pb::NodeDetail::default()
        })
    }

    async fn instances_on(
        &self,
        person: &Principal,
        seen: &Seen,
        q: &str,
    ) -> Result<Vec<pb::Instance>> {
        let request = store::Request {
            q,
            sort: "name",
            limit: ON_NODE,
            cursor: "",
            seen,
            person: &person.user_id.to_string(),
            key: &self.0.cursors,
        };
        let (page, _) = self.0.store.list::<InstanceSummary>(&INSTANCES, &request).await?;
        Ok(convert::instances(page.rows))
    }
}

#[tonic::async_trait]
impl Inventory for Server {
    async fn list_instances(
        &self,
        request: Request<pb::ListInstancesRequest>,
    ) -> Result<Response<pb::ListInstancesResponse>, Status> {
        let decided = self.0.authz.decided();
        let person = self.0.authz.principal(&request, Mode::Read)?;
        let seen = Seen::of(&self.0.authz, &person);
        let page = page_request(request.into_inner().page);
        let asked = store::Request {
            q: &page.q,
            sort: &page.sort,
            limit: page.limit,
            cursor: &page.cursor,
            seen: &seen,
            person: &person.user_id.to_string(),
            key: &self.0.cursors,
        };
        let (listed, clusters) = self.0.store.list::<InstanceSummary>(&INSTANCES, &asked).await?;
        Ok(decided.answer(pb::ListInstancesResponse {
            page: Some(convert::page(&listed)),
            instances: convert::instances(listed.rows),
            clusters: convert::freshnesses(&clusters, &seen.placement),
        }))
    }

    async fn get_instance(
        &self,
        request: Request<pb::GetObjectRequest>,
    ) -> Result<Response<pb::InstanceDetail>, Status> {
        let decided = self.0.authz.decided();
        let person = self.0.authz.principal(&request, Mode::Read)?;
        let asked = request.get_ref();
        let named = (asked.cluster.as_str(), asked.object.as_str());
        let (cluster, instance) = self.permitted_instance(&person, named, Permission::View).await?;
        let object = Object::Instance(ClusterId(cluster.cluster_id), InstanceUuid(instance.uuid));
        let placement = Placement::of(&self.0.authz, &person);
        let nodes = (instance.primary_node.as_str(), instance.secondary_nodes.as_slice());
        let store = &self.0.store;
        let placed = store.shows_placement(&placement, cluster.cluster_id, nodes).await?;
        // What Ganeti says of the cluster may name any node of it.
        let whole = placement.shows(cluster.cluster_id);
        let console = self.console(&cluster, &instance, whole);
        let notes = self.0.store.fetch_notes(cluster.cluster_id, instance.uuid).await?;
        let administrator = self.0.authz.is_admin(&person);
        let (parameters, violations) = if placed {
            self.explain(cluster.cluster_id, &instance, administrator).await?
        } else {
            (parameters::backend(&instance), Vec::new())
        };
        let detail = pb::InstanceDetail {
            hvparams: Some(to_struct(instance.hvparams.get())),
            beparams: Some(to_struct(instance.beparams.get())),
            own_hvparams: instance.own_hvparams.clone(),
            own_beparams: instance.own_beparams.clone(),
            console: Some(console),
            cluster: Some(convert::freshness(&cluster.freshness(), &placement)),
            memory_used_mib: instance.memory_used_mib.map(unsigned),
            permissions: self.permissions(&person, object),
            parameters: parameters.into_iter().map(parameter).collect(),
            violations,
            said: Some(to_struct(instance.said.get())),
            notes: notes.map(super::notes::message),
            instance: Some(convert::instance(instance.into(), cluster.cluster_id, &cluster.slug)),
        };
        Ok(decided.answer(if placed { detail } else { mask::instance_detail(detail) }))
    }

    async fn list_nodes(
        &self,
        request: Request<pb::ListNodesRequest>,
    ) -> Result<Response<pb::ListNodesResponse>, Status> {
        let decided = self.0.authz.decided();
        let person = self.0.authz.principal(&request, Mode::Read)?;
        let seen = Seen::of(&self.0.authz, &person).placed();
        let page = page_request(request.into_inner().page);
        let asked = store::Request {
            q: &page.q,
            sort: &page.sort,
            limit: page.limit,
            cursor: &page.cursor,
            seen: &seen,
            person: &person.user_id.to_string(),
            key: &self.0.cursors,
        };
        let (listed, clusters) = self.0.store.list::<NodeRecord>(&NODES, &asked).await?;
        Ok(decided.answer(pb::ListNodesResponse {
            page: Some(convert::page(&listed)),
            nodes: listed
                .rows
                .iter()
                .map(|r| convert::node(&r.item, r.cluster_id, &r.cluster))
                .collect(),
            clusters: convert::freshnesses(&clusters, &seen.placement),
        }))
    }

    async fn get_node(
        &self,
        request: Request<pb::GetObjectRequest>,
    ) -> Result<Response<pb::NodeDetail>, Status> {
        let decided = self.0.authz.decided();
        let person = self.0.authz.principal(&request, Mode::Read)?;
        let asked = request.get_ref();
        let seen = Seen::of(&self.0.authz, &person);
        let named = (asked.cluster.as_str(), asked.object.as_str());
        let of = |node: &NodeRecord| node.node_group_uuid;
        let (cluster, node) = self.placed_object(&seen.placement, named, "node", of).await?;
        let on = |field: &str| format!("cluster:{} {field}:\"{}\"", cluster.slug, node.name);
        let primary = self.instances_on(&person, &seen, &on("primary_node")).await?;
        let secondary = self.instances_on(&person, &seen, &on("secondary_node")).await?;
        let more = self.explain_node(cluster.cluster_id, &node).await?;
        Ok(decided.answer(pb::NodeDetail {
            primary_instances: primary,
            secondary_instances: secondary,
            cluster: Some(convert::freshness(&cluster.freshness(), &seen.placement)),
            tags: node.tags.clone(),
            primary_ip: node.primary_ip.clone(),
            secondary_ip: node.secondary_ip.clone(),
            node: Some(convert::node(&node, cluster.cluster_id, &cluster.slug)),
            ..more
        }))
    }

    async fn get_create_options(
        &self,
        request: Request<pb::GetCreateOptionsRequest>,
    ) -> Result<Response<pb::CreateOptions>, Status> {
        let asked = &request.get_ref().cluster;
        let person = self.0.authz.principal(&request, Mode::Read)?;
        let cluster = self.visible_cluster(&person, asked).await?;
        self.0.authz.require_creates(&person, ClusterId(cluster.cluster_id))?;
        let oses = self.oses(&cluster, &request).await?;
        let nodes = self.0.store.list_usable_nodes(cluster.cluster_id).await?;
        let groups = self.0.store.list_groups(cluster.cluster_id).await?;
        let offers = cluster.offers.0;
        let placed = Placement::of(&self.0.authz, &person).shows(cluster.cluster_id);
        let options = pb::CreateOptions {
            oses,
            hypervisors: offers.hypervisors,
            disk_templates: offers.disk_templates,
            nodes_online: u32::try_from(nodes.len()).unwrap_or(u32::MAX),
            nodes,
            node_groups: groups.into_iter().map(|(_, name)| name).collect(),
            networks: cluster.networks,
            default_iallocator: offers.iallocator,
            default_hypervisor: offers.hypervisor,
            default_nic_mode: offers.nic_mode,
            default_nic_link: offers.nic_link,
            default_vcpus: u32::try_from(offers.vcpus).unwrap_or(1),
            default_memory_mib: offers.memory_mib,
        };
        Ok(Response::new(if placed { options } else { mask::create_options(options) }))
    }

    async fn get_overview(
        &self,
        request: Request<pb::GetOverviewRequest>,
    ) -> Result<Response<pb::Overview>, Status> {
        let decided = self.0.authz.decided();
        let person = self.0.authz.principal(&request, Mode::Read)?;
        let seen = Seen::of(&self.0.authz, &person);
        let persona = match request.get_ref().persona.as_str() {
            "" => format!("user/{}", person.username),
            persona if persona.len() <= LONGEST_PERSONA => persona.to_owned(),
            _ => return Err(Fault::invalid("persona", "there is no such persona").into()),
        };
        let store = &self.0.store;
        let kept = async {
            match self.0.authz.is_admin(&person) {
                true => store.count_kept().await.map(Some),
                false => Ok(None),
            }
        };
        let ((sums, wrong), own, kept) =
            tokio::try_join!(store.overview(&seen), store.own_use(&persona, &seen.scope), kept)?;
        let count = |n: i64| u32::try_from(n).unwrap_or(0);
        Ok(decided.answer(pb::Overview {
            clusters_total: count(sums.clusters_total),
            clusters_reachable: count(sums.clusters_reachable),
            nodes_total: count(sums.nodes_total),
            nodes_online: count(sums.nodes_online),
            instances_total: count(sums.instances_total),
            instances_running: count(sums.instances_running),
            instances_error: count(sums.instances_error),
            memory_total_mib: unsigned(sums.memory_total_mib),
            memory_free_mib: unsigned(sums.memory_free_mib),
            disk_total_mib: unsigned(sums.disk_total_mib),
            disk_free_mib: unsigned(sums.disk_free_mib),
            memory_allocated_mib: unsigned(sums.memory_allocated_mib),
            disk_allocated_mib: unsigned(sums.disk_allocated_mib),
            nodes_silent: count(sums.nodes_silent),
            missing: count(sums.missing),
            certificates_expiring: count(sums.certificates_expiring),
            instances_owned: count(sums.instances_owned),
            removed_kept: kept.map(count),
            own: Some(pb::OwnUse {
                owner: persona,
                instances: count(own.instances),
                instances_running: count(own.running),
                vcpus: unsigned(own.vcpus),
                memory_mib: unsigned(own.memory_mib),
                disk_mib: unsigned(own.disk_mib),
            }),
            wrong: wrong
                .into_iter()
                .map(|w| pb::Wrong { kind: w.kind, cluster: w.cluster, name: w.name, text: w.text })
                .collect(),
        }))
    }
}
