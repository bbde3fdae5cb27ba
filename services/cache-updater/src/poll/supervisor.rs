//! Which clusters this replica reads: it takes those that nobody holds, a few at a time, so that
//! replicas that start together share them.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use gwm_kernel::Tasks;
use gwm_pg::lease::{self, Holder, LeaseSettings};
use rand::seq::SliceRandom;
use tokio::sync::Notify;
use uuid::Uuid;

use super::access::Access;
use super::session::Session;
use crate::config::PollSettings;
use crate::error::Result;
use crate::store::Store;

/// All clusters that this replica reads.
#[derive(Debug, Clone)]
pub(crate) struct Poller(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    access: Access,
    settings: PollSettings,
    lease: LeaseSettings,
    holder: Holder,
    tasks: Tasks,
    sessions: RwLock<HashMap<Uuid, Arc<Session>>>,
    scan: Notify,
}

/// Who reads a cluster.
#[derive(Debug)]
pub(crate) enum Place {
    /// This replica.
    Here(Arc<Session>),
    /// The replica at this address.
    There(String),
    /// Nobody just now.
    Nowhere,
}

impl Poller {
    pub(crate) fn new(
        store: Store,
        access: Access,
        settings: PollSettings,
        lease: LeaseSettings,
        holder: Holder,
        tasks: Tasks,
    ) -> Self {
        Self(Arc::new(Inner {
            store,
            access,
            settings,
            lease,
            holder,
            tasks,
            sessions: RwLock::default(),
            scan: Notify::new(),
        }))
    }

    /// Who reads the cluster; takes it over if nobody does.
    pub(crate) async fn locate(&self, cluster: Uuid) -> Result<Place> {
        if let Some(session) = self.session(cluster) {
            return Ok(Place::Here(session));
        }
        if let Some(current) = lease::holder(&self.0.store.pool, &lease_name(cluster)).await?
            && current.holder != self.0.holder.id
        {
            return Ok(Place::There(current.holder_endpoint));
        }
        self.acquire(cluster).await?;
        Ok(self.session(cluster).map_or(Place::Nowhere, Place::Here))
    }

    fn session(&self, cluster: Uuid) -> Option<Arc<Session>> {
        let sessions = self.0.sessions.read().expect("no panic while held");
        sessions.get(&cluster).filter(|s| s.is_live()).cloned()
    }

    /// Takes the cluster's lease if it is free, and reads it from now on.
    pub(crate) async fn acquire(&self, cluster: Uuid) -> Result<()> {
        if self.0.tasks.shutdown().soft.is_cancelled() {
            return Ok(());
        }
        let inner = &self.0;
        let name = lease_name(cluster);
        let held =
            lease::try_acquire(&inner.store.pool, &name, &inner.holder, &inner.lease).await?;
        let Some(held) = held else { return Ok(()) };
        tracing::info!(%cluster, generation = held.generation(), "reading this cluster now");
        let session = Arc::new(Session::new(
            cluster,
            inner.store.clone(),
            inner.access.clone(),
            inner.settings.clone(),
            held.clone(),
        ));
        inner.sessions.write().expect("no panic while held").insert(cluster, Arc::clone(&session));
        let (poller, pool) = (self.clone(), inner.store.pool.clone());
        let soft = inner.tasks.shutdown().soft.clone();
        inner.tasks.run("poll", async move {
            let lost = held.lost();
            tokio::select! {
                () = lease::keep(pool.clone(), held.clone(), soft) => {}
                () = lost.cancelled() => {}
                () = session.run() => drop(lease::release(&pool, &held).await),
            }
            let mut sessions = poller.0.sessions.write().expect("no panic while held");
            if sessions.get(&cluster).is_some_and(|s| Arc::ptr_eq(s, &session)) {
                sessions.remove(&cluster);
            }
            drop(sessions);
            poller.0.scan.notify_one();
        });
        Ok(())
    }

    /// Looks for clusters that nobody reads, until the process ends.
    pub(crate) async fn supervise(self) -> anyhow::Result<()> {
        let soft = self.0.tasks.shutdown().soft.clone();
        while !soft.is_cancelled() {
            let more = self.scan().await.unwrap_or_else(|error| {
                tracing::warn!(%error, "clusters can't be looked for");
                false
            });
            if !more {
                self.measure_ages().await;
            }
            // Not in step with the other replicas. What a dead one left is taken soon, however much it is.
            let pause = self.0.settings.scan.mul_f64(0.75 + rand::random::<f64>() / 2.0);
            let pause = if more { pause / 10 } else { pause };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.0.scan.notified() => {}
                () = soft.cancelled() => {}
            }
        }
        Ok(())
    }

    /// How old what is shown of this replica's clusters is.
    async fn measure_ages(&self) {
        let mine: Vec<Uuid> =
            self.0.sessions.read().expect("no panic while held").keys().copied().collect();
        match self.0.store.list_ages(&mine).await {
            Ok(ages) => {
                for (slug, age) in ages {
                    metrics::gauge!("gwm_cluster_data_age_seconds", "cluster" => slug).set(age);
                }
            }
            Err(error) => tracing::debug!(%error, "ages not measured"),
        }
    }

    /// Whether some were left to the others.
    async fn scan(&self) -> Result<bool> {
        let mut free = self.0.store.list_unpolled().await?;
        free.shuffle(&mut rand::rng());
        let share = free.len().div_ceil(3).max(2);
        for cluster in free.iter().take(share) {
            self.acquire(*cluster).await?;
        }
        Ok(free.len() > share)
    }
}

fn lease_name(cluster: Uuid) -> String {
    format!("poll/{cluster}")
}
