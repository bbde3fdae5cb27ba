//! Hooks that knock, and their tokens.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gwm_authz::Mode;
use gwm_kernel::{ErrorCode, Fault};
use gwm_proto::cache as pb;
use gwm_proto::cache::watch_client::WatchClient;
use gwm_proto::cache::watch_server::Watch;
use gwm_types::ObjectName;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::Server;
use super::convert::timestamp;
use super::forward::{Forward, moved};
use crate::audit;
use crate::error::Result;
use crate::poll::{Place, Target};
use crate::store;

/// So that a leaked one is recognised.
const PREFIX: &str = "gwmhook_";
/// Ganeti's words are far shorter.
const LONGEST: usize = 255;

/// The same for a wrong token and for a cluster that is not there: else it would tell which there are.
fn refused() -> Fault {
    let text = "no hook may knock with this token; make one on the cluster's page";
    Fault::new(ErrorCode::Unauthenticated, "hook_refused", text)
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// What is to be looked at; what the hook said is no more than that.
fn target(asked: &pb::KnockRequest) -> Result<Target, Fault> {
    for (field, text) in [
        ("op_code", &asked.op_code),
        ("object_type", &asked.object_type),
        ("object_name", &asked.object_name),
    ] {
        if text.len() > LONGEST {
            return Err(Fault::invalid(field, format!("{field} has at most {LONGEST} characters")));
        }
    }
    if asked.object_name.is_empty() {
        return Ok(Target::Everything);
    }
    let name: ObjectName = asked
        .object_name
        .parse()
        .map_err(|e: gwm_types::InvalidName| Fault::invalid("object_name", e.to_string()))?;
    Ok(match asked.object_type.as_str() {
        "INSTANCE" => Target::Instance(name.to_string()),
        "NODE" => Target::Node(name.to_string()),
        _ => Target::Everything,
    })
}

impl Server {
    /// The cluster whose token this is.
    async fn knocker(&self, asked: &pb::KnockRequest) -> Result<Uuid> {
        let given = hash(&asked.token);
        let stored = self.0.store.fetch_hook_token(&asked.cluster).await?;
        let (cluster, known) = stored.unwrap_or((Uuid::nil(), vec![0; given.len()]));
        if bool::from(given.as_slice().ct_eq(known.as_slice())) && !cluster.is_nil() {
            return Ok(cluster);
        }
        metrics::counter!("gwm_knocks_refused_total").increment(1);
        Err(refused().into())
    }
}

#[tonic::async_trait]
impl Watch for Server {
    async fn knock(
        &self,
        request: Request<pb::KnockRequest>,
    ) -> Result<Response<pb::KnockResponse>, Status> {
        let asked = request.get_ref();
        let cluster = self.knocker(asked).await?;
        let target = target(asked)?;
        tracing::debug!(%cluster, op_code = asked.op_code, ?target, "a hook knocked");
        match self.0.poller.locate(cluster).await? {
            Place::Here(session) => session.knock(target),
            Place::There(url) => {
                let again = Forward::again(&request, asked.clone())?;
                let peer = self.0.forward.peer(&url).await?;
                return WatchClient::new(peer).knock(again).await;
            }
            Place::Nowhere => return Err(moved().into()),
        }
        Ok(Response::new(pb::KnockResponse {}))
    }

    async fn make_hook_token(
        &self,
        request: Request<pb::MakeHookTokenRequest>,
    ) -> Result<Response<pb::MakeHookTokenResponse>, Status> {
        let asked = &request.get_ref().cluster;
        let (person, cluster) = self.administered(&request, Mode::Write, asked).await?;
        let random: [u8; 32] = rand::random();
        let token = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random));
        let mut tx = self.0.store.begin().await?;
        let made_at = store::put_hook_token(&mut tx, cluster.cluster_id, &hash(&token)).await?;
        let row = audit::record(&person, "cluster.make_hook_token", &cluster, BTreeMap::new())?;
        gwm_pg::outbox::append(&mut tx, &row).await.map_err(crate::error::Error::from)?;
        tx.commit().await.map_err(crate::error::Error::from)?;
        let made_at = Some(timestamp(made_at));
        Ok(Response::new(pb::MakeHookTokenResponse { token, made_at }))
    }

    async fn withdraw_hook_token(
        &self,
        request: Request<pb::WithdrawHookTokenRequest>,
    ) -> Result<Response<pb::WithdrawHookTokenResponse>, Status> {
        let asked = &request.get_ref().cluster;
        let (person, cluster) = self.administered(&request, Mode::Write, asked).await?;
        let mut tx = self.0.store.begin().await?;
        if store::delete_hook_token(&mut tx, cluster.cluster_id).await? {
            let row =
                audit::record(&person, "cluster.withdraw_hook_token", &cluster, BTreeMap::new())?;
            gwm_pg::outbox::append(&mut tx, &row).await.map_err(crate::error::Error::from)?;
        }
        tx.commit().await.map_err(crate::error::Error::from)?;
        Ok(Response::new(pb::WithdrawHookTokenResponse {}))
    }

    async fn get_hook(
        &self,
        request: Request<pb::GetHookRequest>,
    ) -> Result<Response<pb::Hook>, Status> {
        let asked = &request.get_ref().cluster;
        let (_, cluster) = self.administered(&request, Mode::Read, asked).await?;
        let session = match self.0.poller.locate(cluster.cluster_id).await? {
            Place::Here(session) => session,
            Place::There(url) => {
                let again = Forward::again(&request, request.get_ref().clone())?;
                let peer = self.0.forward.peer(&url).await?;
                return WatchClient::new(peer).get_hook(again).await;
            }
            Place::Nowhere => return Err(moved().into()),
        };
        let made_at = self.0.store.fetch_hook_made_at(cluster.cluster_id).await?;
        let now = session.watched();
        Ok(Response::new(pb::Hook {
            token_made_at: made_at.map(timestamp),
            last_knock: now.last_knock.map(timestamp),
            waiting: u32::try_from(now.waiting).unwrap_or(u32::MAX),
            job_list_read_at: now.jobs_read_at.map(timestamp),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn knock(object_type: &str, object_name: &str) -> Result<Target, Fault> {
        target(&pb::KnockRequest {
            object_type: object_type.to_owned(),
            object_name: object_name.to_owned(),
            ..pb::KnockRequest::default()
        })
    }

    #[test]
    fn a_knock_names_an_instance_a_node_or_the_whole() {
        assert_eq!(knock("INSTANCE", "web1").unwrap(), Target::Instance("web1".to_owned()));
        assert_eq!(knock("NODE", "node1").unwrap(), Target::Node("node1".to_owned()));
        assert_eq!(knock("CLUSTER", "alpha").unwrap(), Target::Everything);
        assert_eq!(knock("INSTANCE", "").unwrap(), Target::Everything);
        for bad in ["../2/info", "a b", &"x".repeat(300)] {
            assert!(knock("INSTANCE", bad).is_err(), "{bad}");
        }
    }
}
