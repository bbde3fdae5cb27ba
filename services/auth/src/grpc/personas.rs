//! As whom a session acts.

use gwm_authz::Mode;
use gwm_proto::auth::personas_server::Personas;
use gwm_proto::auth::{SwitchPersonaRequest, SwitchPersonaResponse};
use tonic::{Request, Response, Status, async_trait};

use super::Rpcs;
use crate::app::switch_persona;

#[async_trait]
impl Personas for Rpcs {
    async fn switch_persona(
        &self,
        request: Request<SwitchPersonaRequest>,
    ) -> Result<Response<SwitchPersonaResponse>, Status> {
        let principal = self.authz.account(&request, Mode::Write)?;
        switch_persona(&self.store, &principal, request.get_ref().persona.trim()).await?;
        Ok(Response::new(SwitchPersonaResponse {}))
    }
}
