//! How the parts are put together.

use std::sync::Arc;

use gwm_authz::Authz;
use gwm_events::Relay;
use gwm_kernel::Boot;
use gwm_pg::lease::Holder;
use gwm_proto::jobs::jobs_server::JobsServer as Generated;

use crate::clients::{Auth, Cache};
use crate::config::Config;
use crate::grpc::JobsServer;
use crate::store::Store;
use crate::tasks::{self, Engine};

/// The service.
#[derive(Debug)]
pub struct Service;

impl gwm_kernel::Service for Service {
    const NAME: &'static str = "job-runner";
    type Config = Config;

    async fn build(config: Config, boot: &mut Boot) -> anyhow::Result<()> {
        config.validate()?;
        let store = Store::connect(&config.database)?;
        let database = boot.health().condition("database");
        let soft = boot.tasks().shutdown().soft.clone();
        let nats = gwm_events::connect(&config.nats, "job-runner").await?;
        let auth = boot.peer("auth")?;
        let cache = Cache::new(boot.peer("cache-updater")?);
        let authz = Authz::start(auth.clone(), config.authz.clone(), boot);

        let relay = Relay::new(store.pool().clone(), nats.clone());
        boot.tasks().spawn("outbox-relay", relay.run(soft.clone()));

        let auth = Auth::new(auth);
        let server = JobsServer {
            store: store.clone(),
            authz,
            auth: auth.clone(),
            cache: cache.clone(),
            cursors: Arc::default(),
        };
        let foreign = tasks::foreign_jobs(store.clone(), nats.clone(), soft.clone());
        boot.tasks().spawn("foreign", foreign);
        boot.tasks().spawn("requests", tasks::requests(server.clone(), nats, soft.clone()));
        boot.grpc().add(
            Generated::new(server),
            &[
                ("SubmitJob", &["web-gateway"]),
                ("ListJobs", &["web-gateway"]),
                ("GetJobFigures", &["web-gateway"]),
                ("CompleteJobs", &["web-gateway"]),
                ("GetJob", &["web-gateway"]),
                ("GetJobLog", &["web-gateway"]),
            ],
        );

        let engine = Arc::new(Engine {
            store,
            cache,
            auth,
            config,
            holder: Holder { id: boot.replica().to_owned(), endpoint: boot.advertised() },
            tasks: boot.tasks().clone(),
        });
        boot.tasks().spawn("owner-tags", tasks::owner_tags(engine.clone(), soft.clone()));
        boot.tasks().spawn("reservations", tasks::reservations(engine.clone(), soft.clone()));
        boot.tasks().spawn("supervisor", tasks::supervise(engine, soft, database));
        Ok(())
    }

    async fn migrate(config: Config) -> anyhow::Result<()> {
        Ok(Store::connect(&config.database)?.migrate().await?)
    }
}
