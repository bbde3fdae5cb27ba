//! gRPC: which consoles are open here.

use gwm_authz::{Authz, Mode};
use gwm_proto::console::consoles_server::Consoles as ConsolesRpc;
use gwm_proto::console::{ConsoleSession, ListConsolesRequest, ListConsolesResponse};
use tonic::{Request, Response, Status};

use crate::consoles::Consoles;

/// The service `gwm.console.v1.Consoles`.
#[derive(Debug)]
pub(crate) struct ConsolesGrpc {
    pub(crate) authz: Authz,
    pub(crate) consoles: Consoles,
}

#[tonic::async_trait]
impl ConsolesRpc for ConsolesGrpc {
    async fn list_consoles(
        &self,
        request: Request<ListConsolesRequest>,
    ) -> Result<Response<ListConsolesResponse>, Status> {
        let person = self.authz.principal(&request, Mode::Read)?;
        self.authz.require_admin(&person)?;
        let mut open = self.consoles.list();
        open.sort_by_key(|(id, _)| *id);
        let consoles = open
            .into_iter()
            .map(|(id, console)| ConsoleSession {
                console_id: id.to_string(),
                username: console.username,
                cluster: console.cluster,
                instance: console.instance,
                opened_at: Some(prost_types::Timestamp {
                    seconds: console.opened_at.timestamp(),
                    nanos: 0,
                }),
            })
            .collect();
        Ok(Response::new(ListConsolesResponse { consoles }))
    }
}
