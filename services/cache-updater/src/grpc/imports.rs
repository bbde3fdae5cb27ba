//! What appeared in Ganeti without gwm, or vanished from it. For administrators.

use std::collections::BTreeMap;

use gwm_authz::Mode;
use gwm_kernel::Fault;
use gwm_proto::cache as pb;
use gwm_proto::cache::imports_server::Imports;
use tonic::{Request, Response, Status};

use super::Server;
use super::convert::{self, page_request};
use crate::audit;
use crate::domain::InstanceSummary;
use crate::seen::{Placement, Seen};
use crate::store::{self, ORPHANS, Vanished};

const MOST_NAMES: usize = 10_000;
const LONGEST_NAME: usize = 300;

#[tonic::async_trait]
impl Imports for Server {
    async fn list_orphans(
        &self,
        request: Request<pb::ListInstancesRequest>,
    ) -> Result<Response<pb::ListInstancesResponse>, Status> {
        let decided = self.0.authz.decided();
        let person = self.administrator(&request, Mode::Read)?;
        let page = page_request(request.into_inner().page);
        let asked = store::Request {
            q: &page.q,
            sort: &page.sort,
            limit: page.limit,
            cursor: &page.cursor,
            seen: &Seen::everything(),
            person: &person.user_id.to_string(),
            key: &self.0.cursors,
        };
        let (listed, clusters) = self.0.store.list::<InstanceSummary>(&ORPHANS, &asked).await?;
        Ok(decided.answer(pb::ListInstancesResponse {
            page: Some(convert::page(&listed)),
            instances: convert::instances(listed.rows),
            clusters: convert::freshnesses(&clusters, &Placement::Everywhere),
        }))
    }

    async fn list_missing(
        &self,
        request: Request<pb::ListMissingRequest>,
    ) -> Result<Response<pb::ListMissingResponse>, Status> {
        let decided = self.0.authz.decided();
        let person = self.administrator(&request, Mode::Read)?;
        let page = page_request(request.into_inner().page);
        let asked = store::Request {
            q: &page.q,
            sort: &page.sort,
            limit: page.limit,
            cursor: &page.cursor,
            seen: &Seen::everything(),
            person: &person.user_id.to_string(),
            key: &self.0.cursors,
        };
        let listed = self.0.store.list_vanished(&asked).await?;
        Ok(decided.answer(pb::ListMissingResponse {
            page: Some(convert::page(&listed)),
            objects: listed.rows.iter().map(vanished).collect(),
        }))
    }

    async fn purge_missing(
        &self,
        request: Request<pb::PurgeMissingRequest>,
    ) -> Result<Response<pb::PurgeMissingResponse>, Status> {
        let person = self.administrator(&request, Mode::Write)?;
        let object = request.into_inner().object.unwrap_or_default();
        let cluster = convert::uuid("cluster_id", &object.cluster_id)?;
        let uuid = match object.kind.as_str() {
            "cluster" => cluster,
            "instance" | "node" => convert::uuid("uuid", &object.uuid)?,
            _ => {
                return Err(Fault::invalid("kind", "kind must be instance, node or cluster").into());
            }
        };
        let mut tx = self.0.store.begin().await?;
        if !store::purge(&mut tx, &object.kind, cluster, uuid).await? {
            return Err(Fault::not_found("removed object").into());
        }
        let details = BTreeMap::from([("cluster_id".to_owned(), cluster.to_string().into())]);
        let row = audit::about(&person, "missing.purge", &object.kind, uuid, details)?;
        gwm_pg::outbox::append(&mut tx, &row).await.map_err(crate::error::Error::from)?;
        tx.commit().await.map_err(crate::error::Error::from)?;
        Ok(Response::new(pb::PurgeMissingResponse {}))
    }

    async fn restore_notes(
        &self,
        request: Request<pb::RestoreNotesRequest>,
    ) -> Result<Response<pb::RestoreNotesResponse>, Status> {
        let person = self.administrator(&request, Mode::Write)?;
        let outcome = self.give_notes(&person, &request.into_inner()).await?;
        Ok(Response::new(pb::RestoreNotesResponse { outcome: outcome.to_owned() }))
    }

    async fn resolve_instances(
        &self,
        request: Request<pb::ResolveInstancesRequest>,
    ) -> Result<Response<pb::ResolveInstancesResponse>, Status> {
        self.administrator(&request, Mode::Read)?;
        let names = request.into_inner().names;
        if names.len() > MOST_NAMES {
            return Err(Fault::invalid("names", format!("at most {MOST_NAMES} at once")).into());
        }
        let too_long = |n: &pb::InstanceName| {
            n.cluster.len() > LONGEST_NAME || n.instance.len() > LONGEST_NAME
        };
        if names.iter().any(too_long) {
            let text = format!("a name has at most {LONGEST_NAME} characters");
            return Err(Fault::invalid("names", text).into());
        }
        let names: Vec<(String, String)> =
            names.into_iter().map(|n| (n.cluster, n.instance)).collect();
        let found = self.0.store.resolve(&names).await?;
        let text = |uuid: Option<uuid::Uuid>| uuid.map(|u| u.to_string()).unwrap_or_default();
        let instances = found
            .into_iter()
            .map(|r| pb::ResolvedInstance {
                cluster_id: text(r.cluster_id),
                uuid: text(r.uuid),
                name: r.name.unwrap_or_default(),
                owner: r.owner.unwrap_or_default(),
            })
            .collect();
        Ok(Response::new(pb::ResolveInstancesResponse { instances }))
    }
}

fn vanished(row: &Vanished) -> pb::Vanished {
    pb::Vanished {
        kind: row.kind.clone(),
        uuid: row.uuid.to_string(),
        name: row.name.clone(),
        cluster: row.cluster.clone(),
        cluster_id: row.cluster_id.to_string(),
        state: row.state.clone(),
        at: Some(convert::timestamp(row.at)),
        owner: row.owner.clone().unwrap_or_default(),
        successor_uuid: row.successor.map(|u| u.to_string()).unwrap_or_default(),
        notes: row.notes,
    }
}
