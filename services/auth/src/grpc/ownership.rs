//! What jobs settle when they end.

use gwm_proto::auth::ownership_server::Ownership;
use gwm_proto::auth::{SettleRequest, SettleResponse};
use gwm_types::{JobId, Object, UserId};
use tonic::{Request, Response, Status, async_trait};

use super::Rpcs;
use crate::app::{self, AskedBy, Outcome};
use crate::domain::parse_object;
use crate::error::{Error, Result};

#[async_trait]
impl Ownership for Rpcs {
    async fn settle(
        &self,
        request: Request<SettleRequest>,
    ) -> Result<Response<SettleResponse>, Status> {
        let request = request.into_inner();
        let name = request.instance_name;
        if name.len() > 300 {
            return Err(Error::invalid("instance_name", "a name has at most 300 characters").into());
        }
        let job: JobId =
            request.job_id.parse().map_err(|e| Error::invalid("job_id", format!("{e}")))?;
        let outcome = match request.outcome.as_str() {
            "created" => Outcome::Created,
            "removed" => Outcome::Removed,
            _ => return Err(Error::invalid("outcome", "must be created or removed").into()),
        };
        let object = parse_object(request.instance.as_ref())
            .map_err(|why| Error::invalid("instance", why))?;
        let Object::Instance(cluster, instance) = object else {
            return Err(Error::invalid("instance", "only instances are settled").into());
        };
        let asked_by = match request.user_id.as_str() {
            "" => None,
            text => {
                let id: Result<UserId, _> = text.parse();
                let user = id.map_err(|e| Error::invalid("user_id", format!("{e}")))?;
                let group = match request.acting_as_id.as_str() {
                    "" => None,
                    text => {
                        let id = text.parse();
                        Some(id.map_err(|_| Error::invalid("acting_as_id", "is no group's id"))?)
                    }
                };
                Some(AskedBy { user, group })
            }
        };
        app::settle(&self.store, job, outcome, cluster, instance, asked_by, name).await?;
        Ok(Response::new(SettleResponse {}))
    }
}
