//! Decisions for the other services.

use std::pin::Pin;

use gwm_authz::{Mode, Principal, SignedAssertion};
use gwm_proto::auth::access_server::Access;
use gwm_proto::auth::{
    BatchCheckRequest, BatchCheckResponse, CheckRequest, CheckResponse, WatchRequest, WatchResponse,
};
use gwm_types::{Permission, UserId};
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, async_trait};

use super::Rpcs;
use crate::domain::parse_object_or_fleet;
use crate::error::{Error, Result};

const MOST_CHECKS: usize = 1000;

#[async_trait]
impl Access for Rpcs {
    async fn check(
        &self,
        request: Request<CheckRequest>,
    ) -> Result<Response<CheckResponse>, Status> {
        self.authz.fresh(Mode::Write)?;
        Ok(Response::new(self.answer(request.get_ref())?))
    }

    async fn batch_check(
        &self,
        request: Request<BatchCheckRequest>,
    ) -> Result<Response<BatchCheckResponse>, Status> {
        self.authz.fresh(Mode::Write)?;
        let checks = &request.get_ref().checks;
        if checks.len() > MOST_CHECKS {
            return Err(Error::invalid("checks", format!("at most {MOST_CHECKS} at once")).into());
        }
        let results = checks.iter().map(|c| self.answer(c)).collect::<Result<_>>()?;
        Ok(Response::new(BatchCheckResponse { results }))
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<WatchResponse, Status>> + Send>>;

    async fn watch(
        &self,
        _request: Request<WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let watcher = self.hub.watch()?;
        Ok(Response::new(Box::pin(ReceiverStream::new(watcher))))
    }
}

impl Rpcs {
    fn answer(&self, check: &CheckRequest) -> Result<CheckResponse> {
        let user_id: UserId =
            check.user_id.parse().map_err(|e| Error::invalid("user_id", format!("{e}")))?;
        let permission: Permission =
            check.permission.parse().map_err(|e| Error::invalid("permission", format!("{e}")))?;
        let object = parse_object_or_fleet(check.object.as_ref())
            .map_err(|why| Error::invalid("object", why))?;
        let revision = *self.authz.changes().borrow();
        let whom = nobody_signed_in(user_id);
        Ok(CheckResponse {
            allowed: self.authz.allows(&whom, permission, object),
            visible: self.authz.sees(&whom, object),
            revision,
        })
    }
}

/// A user who is asked about without being there.
fn nobody_signed_in(user_id: UserId) -> Principal {
    Principal {
        acting_as: None,
        restricted: false,
        issued_at: 0,
        user_id,
        username: String::new(),
        session_id: None,
        token_id: None,
        client_address: String::new(),
        signed: SignedAssertion::default(),
        expires_at: 0,
    }
}
