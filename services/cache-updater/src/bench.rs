//! The way in for `integration-tests/bench`, and for nobody else: the code that a poll and an import
//! run, from an answer in memory to the commit.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use chrono::Utc;
use gwm_events::Actor;
use gwm_pg::lease::{Holder, LeaseSettings};
use gwm_rapi::{Bulk, ClusterInfo};
use secrecy::SecretString;
use sqlx::PgPool;
use uuid::Uuid;

use crate::config::PollSettings;
use crate::domain::ClusterRecord;
use crate::poll::{Access, Import, Session, Slices, Snapshot, Want, import};
use crate::store::Store;
use crate::vault::Vault;

/// What a cluster answered.
#[derive(Debug, Clone)]
pub struct Answers {
    /// `/2/info`.
    pub info: ClusterInfo,
    /// `/2/nodes?bulk=1`.
    pub nodes: Bulk,
    /// `/2/instances?bulk=1`.
    pub instances: Bulk,
    /// Hypervisors by instance.
    pub hypervisors: HashMap<Uuid, String>,
    /// Node groups.
    pub groups: HashMap<Uuid, String>,
}

/// A cluster under its lease.
#[derive(Debug)]
pub struct Polled {
    pub(crate) session: Session,
}

impl Answers {
    fn look(&self, want: &Want) -> anyhow::Result<Snapshot> {
        let asked_at = Instant::now();
        let details = want.details.then_some(());
        Ok(Snapshot {
            info: self.info.clone(),
            nodes: Slices::of(self.nodes.clone(), asked_at, &want.nodes)?,
            instances: Slices::of(self.instances.clone(), asked_at, &want.instances)?,
            groups: details.map(|()| self.groups.clone()),
            networks: details.map(|()| Vec::new()),
            node_group_slices: None,
            network_slices: None,
            instance_details: None,
            node_details: None,
            hypervisors: details.map(|()| self.hypervisors.clone()).unwrap_or_default(),
            observed_at: Utc::now(),
            bulk_took: Duration::ZERO,
        })
    }
}

/// Stores a cluster and all that it holds, as "add cluster" does; the row `cluster` must not be there.
///
/// # Errors
/// The database.
pub async fn first_import(pool: &PgPool, cluster: Uuid, answers: &Answers) -> anyhow::Result<()> {
    let store = Store::of(pool.clone());
    // A record as the database makes it: whoever adds a column needs not think of this place.
    let mut tx = store.begin().await?;
    let record = ClusterRecord::example(&mut tx, cluster, answers.info.uuid).await?;
    tx.rollback().await?;
    let snapshot = answers.look(&Want::everything())?;
    let actor =
        Actor { user_id: Uuid::nil().to_string(), username: "bench".to_owned(), acting_as: None };
    let mut tx = store.begin().await?;
    import(&mut tx, &Import { cluster: &record, snapshot: &snapshot, actor }).await?;
    Ok(tx.commit().await?)
}

impl Polled {
    /// Takes the cluster's lease and loads what is known.
    ///
    /// # Errors
    /// The database, or somebody else reads the cluster.
    pub async fn open(pool: &PgPool, cluster: Uuid) -> anyhow::Result<Self> {
        let holder = Holder { id: Uuid::now_v7().to_string(), endpoint: String::new() };
        let settings = LeaseSettings { duration: Duration::from_secs(3600) };
        let name = format!("poll/{cluster}");
        let held = gwm_pg::lease::try_acquire(pool, &name, &holder, &settings).await?;
        let held = held.ok_or_else(|| anyhow::anyhow!("somebody else reads this cluster"))?;
        let key = SecretString::from("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=");
        let access = Access { vault: Vault::new(&key)?, allow_loopback: true };
        let store = Store::of(pool.clone());
        let session = Session::new(cluster, store, access, PollSettings::default(), held);
        Ok(Self { session })
    }

    /// One poll, from the answers to the commit.
    ///
    /// # Errors
    /// As a poll's.
    pub async fn poll(&self, answers: &Answers) -> anyhow::Result<()> {
        let mut polling = self.session.polling.lock().await;
        self.session.cluster().await?;
        self.session.load().await?;
        let want = self.session.want().await;
        let snapshot = answers.look(&want)?;
        drop(want);
        Ok(self.session.take_in(&mut polling, &snapshot, None).await?)
    }
}
