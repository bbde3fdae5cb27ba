//! The registry, for people.

use std::collections::BTreeMap;

use chrono::Utc;
use gwm_authz::{Mode, Principal};
use gwm_kernel::Fault;
use gwm_proto::cache as pb;
use gwm_proto::cache::clusters_client::ClustersClient;
use gwm_proto::cache::clusters_server::Clusters;
use gwm_types::{ClusterId, Object, Permission};
use tonic::{Request, Response, Status};

use super::Server;
use super::convert::{self, page_request};
use super::forward::{Forward, moved};
use crate::audit;
use crate::domain::ClusterRecord;
use crate::error::Result;
use crate::poll::Place;
use crate::seen::{Placement, Seen};
use crate::store;

impl Server {
    fn shown(&self, person: &Principal, cluster: &ClusterRecord) -> pb::Cluster {
        let object = Object::Cluster(ClusterId(cluster.cluster_id));
        let whole = self.0.authz.allows(person, Permission::View, object);
        let placement = Placement::of(&self.0.authz, person);
        convert::cluster(cluster, whole, self.0.authz.is_admin(person), &placement)
    }

    /// Has the cluster read now by whoever reads it. What the look itself found goes into the
    /// cluster's health; only "nobody can look" is an error.
    async fn refresh<T>(&self, cluster: &ClusterRecord, request: &Request<T>) -> Result<(), Fault> {
        let asked_at = Utc::now();
        match self.0.poller.locate(cluster.cluster_id).await.map_err(Fault::from)? {
            Place::Here(session) => match session.refresh(asked_at).await {
                Err(error) if error.is_ours() => Err(error.into()),
                Ok(()) | Err(_) => Ok(()),
            },
            Place::There(url) => {
                let ask = pb::RefreshClusterRequest { cluster: cluster.cluster_id.to_string() };
                let again = Forward::again(request, ask)?;
                let peer = self.0.forward.peer(&url).await?;
                ClustersClient::new(peer).refresh_cluster(again).await?;
                Ok(())
            }
            Place::Nowhere => Err(moved()),
        }
    }

    /// Has whoever reads the cluster look once more and remove what is still missing.
    async fn confirm(
        &self,
        person: &Principal,
        cluster: &ClusterRecord,
        request: &Request<pb::ConfirmMissingRequest>,
    ) -> Result<u32> {
        let objects = request.get_ref().objects;
        match self.0.poller.locate(cluster.cluster_id).await? {
            Place::Here(session) => {
                let details = BTreeMap::from([("objects".to_owned(), objects.into())]);
                let row = audit::record(person, "cluster.confirm_missing", cluster, details)?;
                session.confirm_missing(objects, &row).await
            }
            Place::There(url) => {
                let cluster = cluster.cluster_id.to_string();
                let again =
                    Forward::again(request, pb::ConfirmMissingRequest { cluster, objects })?;
                let peer = self.0.forward.peer(&url).await?;
                let answer = ClustersClient::new(peer).confirm_missing(again).await;
                Ok(answer.map_err(|status| Fault::from_status(&status))?.into_inner().removed)
            }
            Place::Nowhere => Err(moved().into()),
        }
    }
}

#[tonic::async_trait]
impl Clusters for Server {
    async fn probe_cluster(
        &self,
        request: Request<pb::ProbeClusterRequest>,
    ) -> Result<Response<pb::ProbeClusterResponse>, Status> {
        self.administrator(&request, Mode::Write)?;
        Ok(Response::new(self.probe(request.get_ref()).await))
    }

    async fn add_cluster(
        &self,
        request: Request<pb::AddClusterRequest>,
    ) -> Result<Response<pb::Cluster>, Status> {
        let person = self.administrator(&request, Mode::Write)?;
        let cluster = self.add(&person, request.into_inner()).await?;
        Ok(Response::new(self.shown(&person, &cluster)))
    }

    async fn list_clusters(
        &self,
        request: Request<pb::ListClustersRequest>,
    ) -> Result<Response<pb::ListClustersResponse>, Status> {
        let decided = self.0.authz.decided();
        let person = self.0.authz.principal(&request, Mode::Read)?;
        let seen = Seen::of(&self.0.authz, &person);
        let page = page_request(request.into_inner().page);
        let listed = self
            .0
            .store
            .list_clusters(&store::Request {
                q: &page.q,
                sort: &page.sort,
                limit: page.limit,
                cursor: &page.cursor,
                seen: &seen,
                person: &person.user_id.to_string(),
                key: &self.0.cursors,
            })
            .await?;
        Ok(decided.answer(pb::ListClustersResponse {
            page: Some(convert::page(&listed)),
            clusters: listed.rows.iter().map(|c| self.shown(&person, c)).collect(),
        }))
    }

    async fn get_cluster(
        &self,
        request: Request<pb::GetClusterRequest>,
    ) -> Result<Response<pb::Cluster>, Status> {
        let decided = self.0.authz.decided();
        let person = self.0.authz.principal(&request, Mode::Read)?;
        let cluster = self.visible_cluster(&person, &request.get_ref().cluster).await?;
        Ok(decided.answer(self.shown(&person, &cluster)))
    }

    async fn update_cluster(
        &self,
        request: Request<pb::UpdateClusterRequest>,
    ) -> Result<Response<pb::Cluster>, Status> {
        let asked = &request.get_ref().cluster;
        let (person, known) = self.administered(&request, Mode::Write, asked).await?;
        let body = request.get_ref().clone();
        let cluster = self.update(&person, body, known).await?;
        // The reader may be in a long pause after failures that this edit has mended.
        if let Err(fault) = self.refresh(&cluster, &request).await {
            tracing::info!(cluster = %cluster.slug, %fault, "not read again at once");
        }
        let cluster = self.stored(cluster.cluster_id).await?;
        Ok(Response::new(self.shown(&person, &cluster)))
    }

    async fn remove_cluster(
        &self,
        request: Request<pb::RemoveClusterRequest>,
    ) -> Result<Response<pb::RemoveClusterResponse>, Status> {
        let asked = &request.get_ref().cluster;
        let (person, known) = self.administered(&request, Mode::Write, asked).await?;
        self.remove(&person, &known).await?;
        Ok(Response::new(pb::RemoveClusterResponse {}))
    }

    async fn refresh_cluster(
        &self,
        request: Request<pb::RefreshClusterRequest>,
    ) -> Result<Response<pb::Cluster>, Status> {
        let person = self.0.authz.principal(&request, Mode::Read)?;
        let known = self.visible_cluster(&person, &request.get_ref().cluster).await?;
        let object = Object::Cluster(ClusterId(known.cluster_id));
        self.0.authz.require(&person, Permission::Admin, object)?;
        self.refresh(&known, &request).await?;
        let cluster = self.stored(known.cluster_id).await?;
        Ok(Response::new(self.shown(&person, &cluster)))
    }

    async fn confirm_missing(
        &self,
        request: Request<pb::ConfirmMissingRequest>,
    ) -> Result<Response<pb::ConfirmMissingResponse>, Status> {
        let asked = &request.get_ref().cluster;
        let (person, known) = self.administered(&request, Mode::Write, asked).await?;
        let removed = self.confirm(&person, &known, &request).await?;
        let cluster = self.stored(known.cluster_id).await?;
        let cluster = Some(self.shown(&person, &cluster));
        Ok(Response::new(pb::ConfirmMissingResponse { removed, cluster }))
    }
}
