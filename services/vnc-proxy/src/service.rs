//! Wiring.

use std::sync::Arc;
use std::time::Duration;

use gwm_authz::Authz;
use gwm_kernel::Boot;
use gwm_proto::console::consoles_server::ConsolesServer;

use crate::config::Config;
use crate::consoles::Consoles;
use crate::grpc::ConsolesGrpc;
use crate::http;
use crate::opening::Opener;

/// vnc-proxy.
#[derive(Debug)]
pub struct Service;

impl gwm_kernel::Service for Service {
    const NAME: &'static str = "vnc-proxy";
    type Config = Config;

    async fn build(config: Config, boot: &mut Boot) -> anyhow::Result<()> {
        config.nats.validate()?;
        let auth = boot.peer("auth")?;
        let cache = boot.peer("cache-updater")?;
        let authz = Authz::start(auth.clone(), config.authz, boot);
        let nats = gwm_events::connect(&config.nats, "vnc-proxy").await?;
        let consoles = Consoles::new(config.console.max_open);
        boot.grpc().add(
            ConsolesServer::new(ConsolesGrpc { authz: authz.clone(), consoles: consoles.clone() }),
            &[("ListConsoles", &["web-gateway"])],
        );
        let opener = Arc::new(Opener {
            auth,
            cache,
            authz,
            nats,
            consoles,
            config: config.console,
            http: config.http.clone(),
            tasks: boot.tasks().clone(),
        });
        let serving = boot.health().condition("http");
        let router = http::router(opener);
        // Upgraded connections are tasks of their own: the drain at shutdown waits for them.
        let grace = Duration::from_secs(2);
        boot.serve_http("http", config.http.listen, config.http.tls, router, grace).await?;
        serving.up();
        Ok(())
    }
}
