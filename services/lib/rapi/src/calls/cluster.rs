//! The cluster itself, its groups, networks and OSes, and free queries.

use http::Method;
use serde::de::DeserializeOwned;

use crate::bulk::Bulk;
use crate::client::Client;
use crate::error::Error;
use crate::model::{ClusterInfo, Features, Group, Network, Said};
use crate::query::{Filter, QueryAnswer, Resource, query_body};

impl Client {
    /// RAPI's protocol version: 2.
    pub async fn version(&self) -> Result<u32, Error> {
        self.get(&["version"], &[]).await
    }

    /// What this RAPI can do beyond the base.
    pub async fn features(&self) -> Result<Features, Error> {
        self.get(&["2", "features"], &[]).await
    }

    /// The cluster. Its UUID tells whether this is still the cluster that was meant.
    pub async fn info(&self) -> Result<ClusterInfo, Error> {
        let Said { value, text }: Said<ClusterInfo> = self.get(&["2", "info"], &[]).await?;
        Ok(ClusterInfo { said: text, ..value })
    }

    /// All node groups.
    pub async fn groups(&self) -> Result<Vec<Group>, Error> {
        self.groups_raw().await?.parse()
    }

    /// All node groups, as raw objects.
    pub async fn groups_raw(&self) -> Result<Bulk, Error> {
        self.get_bulk("GET /2/groups", &["2", "groups"]).await
    }

    /// One node group by name.
    pub async fn group(&self, name: &str) -> Result<Group, Error> {
        self.get(&["2", "groups", name], &[]).await
    }

    /// All networks.
    pub async fn networks(&self) -> Result<Vec<Network>, Error> {
        self.networks_raw().await?.parse()
    }

    /// All networks, as raw objects.
    pub async fn networks_raw(&self) -> Result<Bulk, Error> {
        self.get_bulk("GET /2/networks", &["2", "networks"]).await
    }

    /// One network by name.
    pub async fn network(&self, name: &str) -> Result<Network, Error> {
        self.get(&["2", "networks", name], &[]).await
    }

    /// Names of the OSes with their variants. **Runs a job on every call** (1.5-2 s): at most hourly, or on demand.
    pub async fn oses(&self) -> Result<Vec<String>, Error> {
        self.get(&["2", "os"], &[("reason", "gwm:os-list")]).await
    }

    /// Chosen fields of objects, filtered by Ganeti; `R` is a tuple of [`crate::Cell`]s, one for each field.
    pub async fn query<R: DeserializeOwned>(
        &self,
        resource: Resource,
        fields: &[&str],
        filter: Option<&Filter>,
    ) -> Result<Vec<R>, Error> {
        let body = query_body(fields, filter);
        let answer: QueryAnswer<R> = self
            .ask(Method::PUT, &["2", "query", resource.as_str()], &[], Some(&body), true)
            .await?;
        Ok(answer.data)
    }
}
