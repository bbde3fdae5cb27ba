//! For the other services.

use chrono::{DateTime, Utc};
use gwm_authz::Mode;
use gwm_events::CauseKind;
use gwm_kernel::{ErrorCode, Fault};
use gwm_proto::cache as pb;
use gwm_proto::cache::internal_client::InternalClient;
use gwm_proto::cache::internal_server::Internal;
use gwm_types::ObjectName;
use secrecy::ExposeSecret;
use tonic::{Request, Response, Status};

use super::Server;
use super::convert::{self, from_timestamp, uuid};
use super::forward::{Forward, moved};
use crate::domain::InstanceRecord;
use crate::poll::{Observe, Place};
use crate::seen::{FOR_OPERATORS, Placement};

#[tonic::async_trait]
impl Internal for Server {
    async fn get_write_access(
        &self,
        request: Request<pb::GetWriteAccessRequest>,
    ) -> Result<Response<pb::WriteAccess>, Status> {
        let id = uuid("cluster_id", &request.get_ref().cluster_id)?;
        let cluster = self.stored(id).await?;
        let Some(sealed) = &cluster.write_password_sealed else {
            return Err(Fault::new(
                ErrorCode::Conflict,
                "cluster_read_only",
                format!(
                    "{} is read-only in gwm: an administrator can enter a RAPI user with write",
                    cluster.slug
                ),
            )
            .into());
        };
        let row = self.0.access.row(&cluster)?;
        let password = row.open("write_password", sealed).map_err(crate::error::Error::from)?;
        Ok(Response::new(pb::WriteAccess {
            endpoints: cluster.endpoints,
            fingerprint: cluster.fingerprint,
            ca_pem: cluster.ca_pem,
            credential: Some(pb::Credential {
                username: cluster.write_username,
                password: password.expose_secret().to_owned(),
            }),
            ganeti_uuid: cluster.ganeti_uuid.to_string(),
            slug: cluster.slug,
            paused: cluster.paused,
            read_only: cluster.held_read_only,
        }))
    }

    async fn observe_instance(
        &self,
        request: Request<pb::ObserveInstanceRequest>,
    ) -> Result<Response<pb::ObserveInstanceResponse>, Status> {
        let asked = request.get_ref();
        let cluster = self.stored(uuid("cluster_id", &asked.cluster_id)?).await?;
        let ask = observe(asked)?;
        let session = match self.0.poller.locate(cluster.cluster_id).await? {
            Place::Here(session) => session,
            Place::There(url) => {
                let again = Forward::again(&request, asked.clone())?;
                let peer = self.0.forward.peer(&url).await?;
                return InternalClient::new(peer).observe_instance(again).await;
            }
            Place::Nowhere => return Err(moved().into()),
        };
        let found = session.observe(&ask).await?;
        Ok(Response::new(match found {
            Some(record) => pb::ObserveInstanceResponse {
                state: "present".to_owned(),
                instance: Some(convert::instance(record.into(), cluster.cluster_id, &cluster.slug)),
            },
            None => pb::ObserveInstanceResponse { state: "absent".to_owned(), instance: None },
        }))
    }

    async fn resolve_name(
        &self,
        request: Request<pb::ResolveNameRequest>,
    ) -> Result<Response<pb::ResolveNameResponse>, Status> {
        let asked = request.into_inner();
        let found = self.0.store.fetch_cluster(&asked.cluster).await?;
        let cluster = found.ok_or_else(|| Fault::not_found("cluster"))?;
        let instance = match asked.instance.as_str() {
            "" => None,
            name => self.0.store.fetch_instance(cluster.cluster_id, name).await?,
        };
        let of = |column: fn(&InstanceRecord) -> Option<i64>| {
            instance.as_ref().and_then(column).and_then(|size| u64::try_from(size).ok())
        };
        Ok(Response::new(pb::ResolveNameResponse {
            memory_mib: of(|i| i.memory_mib),
            vcpus: of(|i| i.vcpus.map(i64::from)),
            disk_mib: instance.as_ref().map(|i| i.disks.0.iter().filter_map(|d| d.size_mib).sum()),
            default_memory_mib: cluster.offers.memory_mib,
            default_vcpus: cluster.offers.vcpus,
            uuid: instance.as_ref().map(|i| i.uuid.to_string()).unwrap_or_default(),
            name: instance.map(|i| i.name).unwrap_or_default(),
            cluster_id: cluster.cluster_id.to_string(),
            read_only: cluster.read_only(),
            slug: cluster.slug,
        }))
    }

    async fn next_owner_tags(
        &self,
        request: Request<pb::NextOwnerTagsRequest>,
    ) -> Result<Response<pb::NextOwnerTagsResponse>, Status> {
        Ok(Response::new(self.next_tags(request.get_ref()).await?))
    }

    async fn resolve_console(
        &self,
        request: Request<pb::ResolveConsoleRequest>,
    ) -> Result<Response<pb::ResolveConsoleResponse>, Status> {
        let asked = request.get_ref();
        if asked.kind != "vnc" {
            return Err(
                Fault::invalid("kind", "only consoles of the kind vnc can be opened").into()
            );
        }
        let object = asked
            .instance
            .as_ref()
            .filter(|o| o.kind == "instance")
            .ok_or_else(|| Fault::invalid("instance", "instance must name an instance"))?;
        let cluster = self.stored(uuid("instance.cluster_id", &object.cluster_id)?).await?;
        let instance = uuid("instance.uuid", &object.uuid)?;
        let session = match self.0.poller.locate(cluster.cluster_id).await? {
            Place::Here(session) => session,
            Place::There(url) => {
                let again = Forward::again(&request, asked.clone())?;
                let peer = self.0.forward.peer(&url).await?;
                return InternalClient::new(peer).resolve_console(again).await;
            }
            Place::Nowhere => return Err(moved().into()),
        };
        let console = session.console(instance).await.map_err(|error| {
            // What Ganeti or the network says is answered to whoever opens the console.
            let person = self.0.authz.principal(&request, Mode::Read).ok();
            let placed = person.is_some_and(|person| {
                Placement::of(&self.0.authz, &person).shows(cluster.cluster_id)
            });
            let said = error.is_said_outside();
            let mut fault = Fault::from(error);
            if said && !placed {
                fault.message = format!("the cluster can't be asked now: {FOR_OPERATORS}");
            }
            fault
        })?;
        let vnc_password = match &cluster.vnc_password_sealed {
            Some(sealed) => {
                let row = self.0.access.row(&cluster)?;
                let password =
                    row.open("vnc_password", sealed).map_err(crate::error::Error::from)?;
                password.expose_secret().to_owned()
            }
            None => String::new(),
        };
        Ok(Response::new(pb::ResolveConsoleResponse {
            host: console.host,
            port: console.port,
            vnc_password,
            instance_name: console.instance_name,
            cluster_slug: cluster.slug,
            primary_node: console.primary_node,
        }))
    }
}

fn observe(asked: &pb::ObserveInstanceRequest) -> Result<Observe, Fault> {
    let name: ObjectName = asked
        .name
        .parse()
        .map_err(|e: gwm_types::InvalidName| Fault::invalid("name", e.to_string()))?;
    let object = match asked.uuid.as_str() {
        "" => None,
        text => Some(uuid("uuid", text)?),
    };
    let not_before: DateTime<Utc> =
        asked.not_before.as_ref().and_then(from_timestamp).unwrap_or_else(Utc::now);
    let (cause, cause_id) = match (asked.gwm_job.as_str(), asked.ganeti_job) {
        ("", 0) => (CauseKind::Poll, None),
        ("", number) => (CauseKind::GanetiJob, Some(number.to_string())),
        (job, _) => (CauseKind::GwmJob, Some(job.to_owned())),
    };
    Ok(Observe {
        name: name.to_string(),
        uuid: object,
        not_before,
        cause,
        cause_id,
        removed: asked.removed,
    })
}
