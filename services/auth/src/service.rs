//! Putting the service together.

use std::sync::Arc;

use gwm_authz::Authz;
use gwm_events::Relay;
use gwm_kernel::Boot;
use gwm_pg::lease::Holder;
use tokio::sync::Notify;

use crate::app::{Hub, Login, Passwords, SignerSlot, follow_owners};
use crate::cli;
use crate::clients::{Directories, Providers};
use crate::config::Config;
use crate::domain::MasterKey;
use crate::grpc::Rpcs;
use crate::store::Store;
use crate::store::event::SERVICE;
use crate::tasks::{self, Follower, Recount};

/// The auth service.
#[derive(Debug)]
pub struct Service;

impl gwm_kernel::Service for Service {
    const NAME: &'static str = SERVICE;
    type Config = Config;

    async fn build(config: Config, boot: &mut Boot) -> anyhow::Result<()> {
        config.validate()?;
        let master = MasterKey::parse(&config.master_key)?;
        let store = Store::new(gwm_pg::connect(&config.database, "gwm-auth")?);
        let directories = Directories::new(&config.directories)?;
        let providers = Providers::new(&config.providers)?;
        let nats = gwm_events::connect(&config.nats, SERVICE).await?;
        let passwords = Passwords::new(config.login.concurrent, config.login.waiting);
        let authz = Authz::detached(config.authz.clone());
        let hub = Arc::new(Hub::new(authz.clone()));
        let (signer, wake) = (SignerSlot::default(), Arc::new(Notify::new()));

        let soft = boot.tasks().shutdown().soft.clone();
        let spawn = boot.tasks();
        let prepared = tasks::prepare(
            store.clone(),
            master.clone(),
            signer.clone(),
            passwords.clone(),
            config.admin_password.clone(),
            boot.health().condition("signing-key"),
            soft.clone(),
        );
        spawn.spawn("prepare", prepared);
        let follower = Follower {
            store: store.clone(),
            hub: Arc::clone(&hub),
            wake: Arc::clone(&wake),
            condition: boot.health().condition("database"),
        };
        spawn.spawn("follow", follower.run(soft.clone()));
        spawn.spawn("wake-up", tasks::wake_up(store.clone(), wake, soft.clone()));
        spawn.spawn("sweep", tasks::sweep(store.clone(), config.session.clone(), soft.clone()));
        spawn.spawn("sweep-tokens", tasks::sweep_tokens(store.clone(), soft.clone()));
        spawn.spawn("purge", tasks::purge(store.clone(), soft.clone()));
        let (told, owners) = tokio::sync::watch::channel(0);
        spawn.spawn("owners", follow_owners(store.clone(), told, soft.clone()));
        spawn.spawn("intake", tasks::intake(store.clone(), nats.clone(), soft.clone()));
        spawn.spawn("relay", Relay::new(store.pool().clone(), nats).run(soft));

        let recount = Recount {
            store: store.clone(),
            cache: boot.peer("cache-updater")?,
            holder: Holder { id: boot.replica().to_owned(), endpoint: boot.advertised() },
            every: config.recount.every,
            tasks: boot.tasks().clone(),
        };
        boot.tasks().spawn("recount", recount.run());

        let login = Login {
            store: store.clone(),
            passwords: passwords.clone(),
            master,
            directories,
            providers,
            throttle: config.login,
            times: config.session.clone(),
        };
        let (session, ticket) = (config.session, config.ticket);
        let cursors = Arc::default();
        let rpcs =
            Rpcs { store, authz, hub, signer, passwords, login, session, ticket, owners, cursors };
        rpcs.register(boot.grpc());
        Ok(())
    }

    async fn migrate(config: Config) -> anyhow::Result<()> {
        cli::migrate(config).await
    }

    async fn command(config: Config, words: Vec<String>) -> Option<anyhow::Result<()>> {
        cli::command(config, words).await
    }
}
