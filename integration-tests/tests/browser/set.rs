//! What a browser test plays on: services, simulated clusters, a browser.

use std::time::Duration;

use gwm_integration_tests::{Api, Options, Stack};
use gwm_rapi_sim::{ClusterConfig, Sim, SimCluster, SimConfig};
use gwm_testkit::wait_for;
use serde_json::json;

use crate::driver::{Browser, PATIENCE};

/// The password of everybody made here.
pub(crate) const PASSWORD: &str = "a password for tests";

/// All of it.
pub(crate) struct Set {
    pub(crate) browser: Browser,
    pub(crate) admin: Api,
    pub(crate) stack: Stack,
    pub(crate) sim: Sim,
}

impl Set {
    /// Nothing added yet: services, a cluster that could be added, and a browser.
    pub(crate) async fn empty(name: &str) -> Self {
        Self::start(name, 9, false).await
    }

    /// The same with two clusters in it, one with trouble.
    pub(crate) async fn fleet(name: &str) -> Self {
        Self::filled(name, 9).await
    }

    /// The same with more than a page of instances.
    pub(crate) async fn pages(name: &str) -> Self {
        Self::filled(name, 40).await
    }

    async fn filled(name: &str, instances: usize) -> Self {
        let set = Self::start(name, instances, true).await;
        for cluster in set.sim.clusters() {
            let slug = cluster.name().split('.').next().unwrap();
            let _added = set.stack.add_sim(&set.admin, slug, cluster).await.unwrap();
        }
        let wanted: usize = set.sim.clusters().iter().map(|c| c.look(|c| c.instances.len())).sum();
        wait_for("the fleet", PATIENCE, async || {
            let seen = set.admin.get("/instances?limit=1").await;
            if seen.json()["total"] == wanted { Ok(()) } else { Err(seen.text) }
        })
        .await;
        set
    }

    async fn start(name: &str, instances: usize, trouble: bool) -> Self {
        let cluster = |seed: u64, name: &str, trouble| ClusterConfig {
            name: format!("{name}.example.org"),
            seed,
            instances,
            trouble,
            console_patched: true,
            consoles: Some(true),
            // Long enough for a person to see it.
            job_time: Duration::from_millis(600),
            ..ClusterConfig::default()
        };
        let clusters = vec![cluster(21, "fra1", false), cluster(22, "ams1", trouble)];
        let sim = Sim::start(SimConfig { clusters, admin: None }).await.unwrap();
        let stack = Stack::start(Options::test(name)).await;
        let stack = stack.unwrap_or_else(|error| panic!("{error:#}"));
        let admin = stack.admin().await.unwrap();
        let browser = Browser::start(&stack.url()).await;
        Self { browser, admin, stack, sim }
    }

    /// The cluster without trouble.
    pub(crate) fn cluster(&self) -> &SimCluster {
        self.sim.cluster("fra1.example.org")
    }

    /// The name of an instance there with this status in Ganeti's words.
    pub(crate) fn instance_that(&self, status: &str) -> String {
        self.cluster()
            .look(|c| c.instances.values().find(|i| c.status(i) == status).map(|i| i.name.clone()))
            .unwrap_or_else(|| panic!("no instance is {status}"))
    }

    /// An instance's status in Ganeti's words.
    pub(crate) fn status(&self, name: &str) -> String {
        self.cluster()
            .look(|c| c.instances.get(name).map_or_else(String::new, |i| c.status(i).to_owned()))
    }

    /// Somebody who may use one instance.
    pub(crate) async fn customer(&self, name: &str, instance: &str) {
        let body = json!({ "username": name, "password": PASSWORD });
        let _user = self.admin.post("/users", &body).await.ok();
        let grant = json!({
            "username": name, "role": "power", "cluster": "fra1", "instance": instance,
        });
        let _grant = self.admin.post("/grants", &grant).await.expect_status(201);
        let api = self.stack.anonymous().login(name, PASSWORD).await.unwrap();
        wait_for("the grant to reach the inventory", PATIENCE, async || {
            let seen = api.get("/instances").await;
            if seen.json()["total"] == 1 { Ok(()) } else { Err(seen.text) }
        })
        .await;
    }
}
