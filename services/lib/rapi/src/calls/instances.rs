//! Instances: reads, console, and the changes that make jobs.

use http::Method;
use serde_json::{Map, Value, json};

use crate::bulk::Bulk;
use crate::client::{Client, Submission};
use crate::error::Error;
use crate::model::{Console, CreateInstance, GanetiJobId, Instance};

/// How an instance is rebooted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum RebootKind {
    /// Stop and start by the hypervisor, configuration read again.
    #[default]
    Hard,
    /// By the hypervisor's own reboot.
    Soft,
    /// Stop and start with disks deactivated and activated.
    Full,
}

/// Options of a start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StartupOptions {
    /// Even if secondary nodes are down.
    pub force: bool,
    /// Without changing the wanted state.
    pub no_remember: bool,
}

/// Options of a shutdown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShutdownOptions {
    /// Seconds that the guest has to stop by itself; Ganeti's default is 120.
    pub timeout_seconds: Option<u32>,
    /// Even if it is marked offline.
    pub force: bool,
    /// Without changing the wanted state.
    pub no_remember: bool,
}

impl RebootKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Hard => "hard",
            Self::Soft => "soft",
            Self::Full => "full",
        }
    }
}

fn flags(pairs: &[(&'static str, bool)]) -> Vec<(&'static str, &'static str)> {
    pairs.iter().filter(|(_, set)| *set).map(|(key, _)| (*key, "1")).collect()
}

impl Client {
    /// All instances.
    pub async fn instances(&self) -> Result<Vec<Instance>, Error> {
        self.instances_bulk_raw().await?.parse()
    }

    /// All instances, as raw objects.
    pub async fn instances_bulk_raw(&self) -> Result<Bulk, Error> {
        self.get_bulk("GET /2/instances", &["2", "instances"]).await
    }

    /// One instance by name; [`Error::is_not_found`] when Ganeti has none of that name.
    pub async fn instance(&self, name: &str) -> Result<Instance, Error> {
        self.get(&["2", "instances", name], &[]).await
    }

    /// Where its console is. Every Ganeti 3.0 and 3.1 answers 500 for kvm with VNC: fall back to `pnode` and
    /// `network_port` of the instance. 503 means that it isn't running.
    pub async fn console(&self, name: &str) -> Result<Console, Error> {
        self.get(&["2", "instances", name, "console"], &[]).await
    }

    /// Creates an instance.
    pub async fn create_instance(
        &self,
        submission: &Submission,
        instance: &CreateInstance,
    ) -> Result<GanetiJobId, Error> {
        self.submit(Method::POST, &["2", "instances"], &[], instance, submission).await
    }

    /// Starts an instance.
    pub async fn startup_instance(
        &self,
        submission: &Submission,
        name: &str,
        options: StartupOptions,
    ) -> Result<GanetiJobId, Error> {
        let query = flags(&[("force", options.force), ("no_remember", options.no_remember)]);
        self.submit(
            Method::PUT,
            &["2", "instances", name, "startup"],
            &query,
            &json!({}),
            submission,
        )
        .await
    }

    /// Shuts an instance down.
    pub async fn shutdown_instance(
        &self,
        submission: &Submission,
        name: &str,
        options: ShutdownOptions,
    ) -> Result<GanetiJobId, Error> {
        let query = flags(&[("no_remember", options.no_remember)]);
        let mut body = Map::new();
        if let Some(seconds) = options.timeout_seconds {
            body.insert("timeout".to_owned(), Value::from(seconds));
        }
        if options.force {
            body.insert("force".to_owned(), Value::from(true));
        }
        self.submit(Method::PUT, &["2", "instances", name, "shutdown"], &query, &body, submission)
            .await
    }

    /// Reboots an instance.
    pub async fn reboot_instance(
        &self,
        submission: &Submission,
        name: &str,
        kind: RebootKind,
    ) -> Result<GanetiJobId, Error> {
        let query = [("type", kind.as_str())];
        self.submit(
            Method::POST,
            &["2", "instances", name, "reboot"],
            &query,
            &json!({}),
            submission,
        )
        .await
    }

    /// Removes an instance with its disks.
    pub async fn delete_instance(
        &self,
        submission: &Submission,
        name: &str,
    ) -> Result<GanetiJobId, Error> {
        self.submit(Method::DELETE, &["2", "instances", name], &[], &json!({}), submission).await
    }

    /// Gives an instance tags; those that it has already are no error.
    pub async fn add_instance_tags(
        &self,
        submission: &Submission,
        name: &str,
        tags: &[String],
    ) -> Result<GanetiJobId, Error> {
        self.change_tags(Method::PUT, submission, name, tags).await
    }

    /// Takes tags away from an instance; Ganeti's job fails if it has not all of them.
    pub async fn delete_instance_tags(
        &self,
        submission: &Submission,
        name: &str,
        tags: &[String],
    ) -> Result<GanetiJobId, Error> {
        self.change_tags(Method::DELETE, submission, name, tags).await
    }

    async fn change_tags(
        &self,
        method: Method,
        submission: &Submission,
        name: &str,
        tags: &[String],
    ) -> Result<GanetiJobId, Error> {
        let query: Vec<(&str, &str)> = tags.iter().map(|tag| ("tag", tag.as_str())).collect();
        let path = ["2", "instances", name, "tags"];
        self.submit(method, &path, &query, &json!({}), submission).await
    }
}
