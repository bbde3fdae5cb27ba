//! Putting the service together.

use std::time::Duration;

use gwm_authz::Authz;
use gwm_events::Relay;
use gwm_kernel::{Boot, Condition};
use gwm_pg::lease::Holder;
use gwm_proto::cache::clusters_server::ClustersServer;
use gwm_proto::cache::find_server::FindServer;
use gwm_proto::cache::imports_server::ImportsServer;
use gwm_proto::cache::instance_notes_server::InstanceNotesServer;
use gwm_proto::cache::internal_server::InternalServer;
use gwm_proto::cache::inventory_server::InventoryServer;
use gwm_proto::cache::objects_server::ObjectsServer;
use gwm_proto::cache::owner_tags_server::OwnerTagsServer;
use gwm_proto::cache::watch_server::WatchServer;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::grpc::{Server, UsageServer};
use crate::owners::Follower;
use crate::poll::{Access, Poller};
use crate::store::{self, Store};
use crate::vault::Vault;

static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations/cache");

const PING_EVERY: Duration = Duration::from_secs(2);

/// cache-updater.
#[derive(Debug)]
pub struct Service;

impl gwm_kernel::Service for Service {
    const NAME: &'static str = "cache-updater";
    type Config = Config;

    async fn build(config: Config, boot: &mut Boot) -> anyhow::Result<()> {
        config.validate()?;
        let store = Store::of(gwm_pg::connect(&config.database, "gwm-cache-updater")?);
        let nats = gwm_events::connect(&config.nats, Self::NAME).await?;
        let auth = boot.peer("auth")?;
        let authz = Authz::start(auth.clone(), config.authz.clone(), boot);
        let access = Access {
            vault: Vault::new(&config.master_key)?,
            allow_loopback: config.allow_loopback,
        };
        let holder = Holder { id: boot.replica().to_owned(), endpoint: boot.advertised() };
        let follower = Follower {
            store: store.clone(),
            auth,
            holder: holder.clone(),
            lease: config.lease.clone(),
            tasks: boot.tasks().clone(),
        };
        boot.tasks().spawn("owners", follower.run());
        let poller = Poller::new(
            store.clone(),
            access.clone(),
            config.poll.clone(),
            config.lease.clone(),
            holder,
            boot.tasks().clone(),
        );
        let soft = boot.tasks().shutdown().soft.clone();
        let condition = boot.health().condition("database");
        boot.tasks().spawn("database", watch_database(store.clone(), condition, soft.clone()));
        boot.tasks().spawn("relay", Relay::new(store.pool.clone(), nats).run(soft));
        boot.tasks().spawn("supervise", poller.clone().supervise());

        let soft = boot.tasks().shutdown().soft.clone();
        let usage = UsageServer { store: store.clone(), soft };
        let identity = boot.identity().clone();
        let server = Server::new(store, authz, access, poller, identity, &config);
        boot.grpc()
            .add(
                ClustersServer::new(server.clone()),
                &[
                    ("ProbeCluster", &["web-gateway"]),
                    ("AddCluster", &["web-gateway"]),
                    ("ListClusters", &["web-gateway"]),
                    ("GetCluster", &["web-gateway", "job-runner", "vnc-proxy"]),
                    ("UpdateCluster", &["web-gateway"]),
                    ("RemoveCluster", &["web-gateway"]),
                    ("RefreshCluster", &["web-gateway", "cache-updater"]),
                    ("ConfirmMissing", &["web-gateway", "cache-updater"]),
                ],
            )
            .add(
                InventoryServer::new(server.clone()),
                &[
                    ("ListInstances", &["web-gateway"]),
                    ("GetInstance", &["web-gateway", "job-runner", "vnc-proxy"]),
                    ("ListNodes", &["web-gateway"]),
                    ("GetNode", &["web-gateway"]),
                    ("GetCreateOptions", &["web-gateway", "job-runner", "cache-updater"]),
                    ("GetOverview", &["web-gateway"]),
                ],
            )
            .add(InstanceNotesServer::new(server.clone()), &[("ChangeNotes", &["web-gateway"])])
            .add(
                ObjectsServer::new(server.clone()),
                &[
                    ("ListNodeGroups", &["web-gateway"]),
                    ("GetNodeGroup", &["web-gateway"]),
                    ("ListNetworks", &["web-gateway"]),
                    ("GetNetwork", &["web-gateway"]),
                    ("ListOses", &["web-gateway"]),
                    ("GetClusterDetail", &["web-gateway"]),
                ],
            )
            .add(
                ImportsServer::new(server.clone()),
                &[
                    ("ListOrphans", &["web-gateway"]),
                    ("ListMissing", &["web-gateway"]),
                    ("PurgeMissing", &["web-gateway"]),
                    ("RestoreNotes", &["web-gateway"]),
                    ("ResolveInstances", &["web-gateway"]),
                ],
            )
            .add(
                FindServer::new(server.clone()),
                &[
                    ("Complete", &["web-gateway"]),
                    ("Search", &["web-gateway"]),
                    ("NameInstances", &["web-gateway"]),
                ],
            )
            .add(
                WatchServer::new(server.clone()),
                &[
                    ("Knock", &["web-gateway", "cache-updater"]),
                    ("MakeHookToken", &["web-gateway"]),
                    ("WithdrawHookToken", &["web-gateway"]),
                    ("GetHook", &["web-gateway", "cache-updater"]),
                ],
            )
            .add(OwnerTagsServer::new(server.clone()), &[("GetOwnerTags", &["web-gateway"])])
            .add(
                gwm_proto::cache::usage_server::UsageServer::new(usage),
                &[("WatchUsage", &["auth"])],
            )
            .add(
                InternalServer::new(server),
                &[
                    ("GetWriteAccess", &["job-runner"]),
                    ("ResolveName", &["job-runner"]),
                    ("ObserveInstance", &["job-runner", "cache-updater"]),
                    ("NextOwnerTags", &["job-runner"]),
                    ("ResolveConsole", &["vnc-proxy", "cache-updater"]),
                ],
            );
        Ok(())
    }

    async fn migrate(config: Config) -> anyhow::Result<()> {
        let pool = gwm_pg::connect(&config.database, "gwm-cache-updater-migrate")?;
        Ok(gwm_pg::migrate(&pool, &MIGRATOR).await?)
    }
}

/// Ready while the database answers; its absence stops nothing else.
async fn watch_database(
    store: Store,
    condition: Condition,
    soft: CancellationToken,
) -> anyhow::Result<()> {
    while !soft.is_cancelled() {
        match store::ping(&store.pool).await {
            Ok(()) => condition.up(),
            Err(error) => condition.down(error.to_string()),
        }
        tokio::select! {
            () = tokio::time::sleep(PING_EVERY) => {}
            () = soft.cancelled() => {}
        }
    }
    Ok(())
}
