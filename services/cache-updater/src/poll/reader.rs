//! Calls of one cluster's RAPI: never more open than allowed, each measured.

use std::sync::Arc;
use std::time::Instant;

use gwm_rapi::{Cell, Client, ClusterInfo, Filter, Instance, Resource};
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::error::{Error, Result};

/// A client with its limit.
#[derive(Debug, Clone)]
pub(crate) struct Reader {
    pub(crate) client: Client,
    pub(crate) gate: Arc<Semaphore>,
    pub(crate) slug: String,
}

impl Reader {
    /// One call, once a place is free.
    pub(crate) async fn call<T>(
        &self,
        op: &'static str,
        work: impl Future<Output = Result<T, gwm_rapi::Error>>,
    ) -> Result<T> {
        let _place = self.gate.acquire().await.expect("the gate is never closed");
        let started = Instant::now();
        let out = work.await;
        let code = match &out {
            Ok(_) => "ok",
            Err(error) => error.code(),
        };
        let labels =
            [("cluster", self.slug.clone()), ("op", op.to_owned()), ("code", code.to_owned())];
        metrics::histogram!("gwm_rapi_request_duration_seconds", &labels)
            .record(started.elapsed().as_secs_f64());
        Ok(out?)
    }

    /// The cluster, if it is the one that was meant.
    pub(crate) async fn info(&self, expected: Option<Uuid>) -> Result<ClusterInfo> {
        let info = self.call("info", self.client.info()).await?;
        match expected {
            Some(expected) if expected != info.uuid => {
                Err(Error::OtherCluster { expected, seen: info.uuid })
            }
            Some(_) | None => Ok(info),
        }
    }

    /// An instance by name; none if Ganeti knows none.
    pub(crate) async fn instance(&self, name: &str) -> Result<Option<Instance>> {
        match self.call("instance", self.client.instance(name)).await {
            Ok(instance) => Ok(Some(instance)),
            Err(Error::Rapi(error)) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A node by name; none if Ganeti knows none.
    pub(crate) async fn node_uuid(&self, name: &str) -> Result<Option<Uuid>> {
        match self.call("node", self.client.node(name)).await {
            Ok(node) => Ok(Some(node.uuid)),
            Err(Error::Rapi(error)) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The hypervisors of all instances, or of one: bulk answers don't say.
    pub(crate) async fn hypervisors(&self, name: Option<&str>) -> Result<Vec<(Uuid, String)>> {
        let filter = name.map(|name| Filter::equals("name", name));
        let fields = ["uuid", "hypervisor"];
        let asking = self.client.query::<(Cell<Uuid>, Cell<String>)>(
            Resource::Instance,
            &fields,
            filter.as_ref(),
        );
        let rows = self.call("query_instances", asking).await?;
        Ok(rows.into_iter().filter_map(|(u, h)| Some((u.value?, h.value?))).collect())
    }
}
