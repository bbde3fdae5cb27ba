//! Owners as tags in Ganeti: how far they are, and what job-runner is to do about them.

use gwm_authz::Mode;
use gwm_kernel::Fault;
use gwm_proto::cache as pb;
use gwm_proto::cache::owner_tags_server::OwnerTags;
use gwm_proto::common::ObjectRef;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::Server;
use super::convert::uuid;
use crate::domain::{ClusterRecord, owner_tag};
use crate::error::Result;
use crate::store::{TagCounts, Which};

/// More than that is not skipped one by one.
const MOST_SKIPPED: usize = 10_000;

impl Server {
    /// What our tags begin with.
    async fn tag_prefix(&self) -> Result<&str> {
        let made = async || {
            let configured = &self.0.installation;
            let name = if configured.is_empty() {
                self.0.store.installation().await?
            } else {
                configured.clone()
            };
            Ok::<_, crate::error::Error>(owner_tag::prefix(&name))
        };
        Ok(self.0.tag_prefix.get_or_try_init(made).await?)
    }

    pub(super) async fn next_tags(
        &self,
        asked: &pb::NextOwnerTagsRequest,
    ) -> Result<pb::NextOwnerTagsResponse> {
        if asked.skip.len() > MOST_SKIPPED {
            let text = format!("at most {MOST_SKIPPED} instances");
            return Err(Fault::invalid("skip", text).into());
        }
        let which = Which {
            skip: asked.skip.iter().map(|o| instance("skip", o)).collect::<Result<_, _>>()?,
            skip_clusters: asked
                .skip_clusters
                .iter()
                .map(|id| uuid("skip_clusters", id))
                .collect::<Result<_, _>>()?,
            only: asked.only.as_ref().map(|o| instance("only", o)).transpose()?,
        };
        let wrong = self.0.store.list_wrong_tags(self.tag_prefix().await?, &which).await?;
        let change = |found: crate::store::Tagged| {
            let step = owner_tag::step(&found.ours, found.wanted.as_deref())?;
            Some(pb::OwnerTagChange {
                cluster_id: found.cluster_id.to_string(),
                cluster: found.slug,
                uuid: found.uuid.to_string(),
                name: found.name,
                add: step.add,
                tags: step.tags,
            })
        };
        Ok(pb::NextOwnerTagsResponse { changes: wrong.into_iter().filter_map(change).collect() })
    }
}

fn instance(field: &str, object: &ObjectRef) -> Result<(Uuid, Uuid), Fault> {
    Ok((uuid(field, &object.cluster_id)?, uuid(field, &object.uuid)?))
}

#[tonic::async_trait]
impl OwnerTags for Server {
    async fn get_owner_tags(
        &self,
        request: Request<pb::GetClusterRequest>,
    ) -> Result<Response<pb::OwnerTagState>, Status> {
        let asked = &request.get_ref().cluster;
        let (_, cluster) = self.administered(&request, Mode::Read, asked).await?;
        let prefix = self.tag_prefix().await?;
        let counts = self.0.store.count_tags(prefix, cluster.cluster_id).await?;
        let held_up = held_up(&cluster, &counts);
        let number = |n: i64| u32::try_from(n).unwrap_or_default();
        Ok(Response::new(pb::OwnerTagState {
            mode: cluster.owner_tags,
            prefix: prefix.to_owned(),
            owned: number(counts.owned),
            tagged: number(counts.tagged),
            to_do: number(counts.to_do),
            held_up,
        }))
    }
}

/// Why what is to be done waits.
fn held_up(cluster: &ClusterRecord, counts: &TagCounts) -> String {
    let why = if counts.to_do == 0 {
        ""
    } else if cluster.paused {
        "the cluster is paused"
    } else if cluster.read_only() {
        "the cluster is read-only in gwm"
    } else if !cluster.reachable {
        "the cluster does not answer"
    } else if !counts.owners_known {
        "the owners are being read from auth"
    } else {
        ""
    };
    why.to_owned()
}
