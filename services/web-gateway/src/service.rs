//! Wiring.

use std::time::Duration;

use gwm_authz::Authz;
use gwm_kernel::Boot;

use crate::clients::Clients;
use crate::config::Config;
use crate::http::{self, AppState, router};
use crate::hub::Hub;
use crate::waiting::Waiting;

/// The web-gateway.
#[derive(Debug)]
pub struct Service;

impl gwm_kernel::Service for Service {
    const NAME: &'static str = "web-gateway";
    type Config = Config;

    async fn build(config: Config, boot: &mut Boot) -> anyhow::Result<()> {
        config.validate()?;
        http::install_assets()?;
        let auth = boot.peer("auth")?;
        let authz = Authz::start(auth.clone(), config.authz, boot);
        let clients = Clients::connect(boot, auth, authz.clone())?;
        let nats = gwm_events::connect(&config.nats, "web-gateway").await?;
        let waiting = Waiting::new(nats.clone());
        let hub = Hub::start(nats, boot);
        let soft = boot.tasks().shutdown().soft.clone();
        let (listen, tls) = (config.http.listen, config.http.tls.clone());
        let state = AppState::new(clients, authz, hub, waiting, config.http, soft);
        let serving = boot.health().condition("http");
        boot.serve_http("http", listen, tls, router(state), Duration::from_secs(10)).await?;
        serving.up();
        Ok(())
    }
}
