//! Calls of one cluster's RAPI: never more open than allowed, each measured.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gwm_rapi::{Cell, Client, ClusterInfo, Filter, Instance, Node, Resource};
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::error::{Error, Result};

/// What queries say of objects, by UUID.
pub(crate) type Details = BTreeMap<Uuid, Value>;

/// A client with its limit.
#[derive(Debug, Clone)]
pub(crate) struct Reader {
    pub(crate) client: Client,
    pub(crate) gate: Arc<Semaphore>,
    pub(crate) calls: Arc<Calls>,
    pub(crate) slug: String,
}

/// When requests were made, for the rate that operators see.
#[derive(Debug, Default)]
pub(crate) struct Calls(Mutex<VecDeque<Instant>>);

impl Calls {
    const MINUTE: Duration = Duration::from_secs(60);

    fn count(&self) {
        let mut calls = self.0.lock().expect("no panic while held");
        while calls.front().is_some_and(|at| at.elapsed() > Self::MINUTE) {
            calls.pop_front();
        }
        calls.push_back(Instant::now());
    }

    /// How many there were in the last minute.
    pub(crate) fn last_minute(&self) -> i32 {
        let calls = self.0.lock().expect("no panic while held");
        let recent = calls.iter().filter(|at| at.elapsed() <= Self::MINUTE).count();
        i32::try_from(recent).unwrap_or(i32::MAX)
    }
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
        self.calls.count();
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
    pub(crate) async fn node(&self, name: &str) -> Result<Option<Node>> {
        match self.call("node", self.client.node(name)).await {
            Ok(node) => Ok(Some(node)),
            Err(Error::Rapi(error)) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Its UUID.
    pub(crate) async fn node_uuid(&self, name: &str) -> Result<Option<Uuid>> {
        Ok(self.node(name).await?.map(|node| node.uuid))
    }

    /// A node group by name; none if Ganeti knows none.
    pub(crate) async fn node_group_uuid(&self, name: &str) -> Result<Option<Uuid>> {
        match self.call("group", self.client.group(name)).await {
            Ok(group) => Ok(Some(group.uuid)),
            Err(Error::Rapi(error)) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A network by name; none if Ganeti knows none.
    pub(crate) async fn network_uuid(&self, name: &str) -> Result<Option<Uuid>> {
        match self.call("network", self.client.network(name)).await {
            Ok(network) => Ok(Some(network.uuid)),
            Err(Error::Rapi(error)) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Hypervisors of all instances, and which OS parameters each has. Their values, which may be
    /// passwords, are skipped while the answer is read; private and secret ones are never asked for.
    pub(crate) async fn instance_details(&self) -> Result<(HashMap<Uuid, String>, Details)> {
        type Names = BTreeMap<String, IgnoredAny>;
        type Row = (Cell<Uuid>, Cell<String>, Cell<Names>, Cell<Names>);
        let fields = ["uuid", "hypervisor", "osparams", "custom_osparams"];
        let asking = self.client.query::<Row>(Resource::Instance, &fields, None);
        let (mut hypervisors, mut details) = (HashMap::new(), Details::new());
        for (uuid, hypervisor, all, own) in self.call("query_instances", asking).await? {
            let Some(uuid) = uuid.value else { continue };
            hypervisors.extend(hypervisor.value.map(|name| (uuid, name)));
            let own = own.value.unwrap_or_default();
            let names = all.value.unwrap_or_default().into_keys().chain(own.keys().cloned());
            let names: Map<String, Value> =
                names.map(|name| (name.clone(), own.contains_key(&name).into())).collect();
            if !names.is_empty() {
                details.insert(uuid, json!({"osparams": names}));
            }
        }
        Ok((hypervisors, details))
    }

    /// What bulk answers don't say of nodes: whether they are powered, and what is set on each.
    pub(crate) async fn node_details(&self) -> Result<Details> {
        type Row = (Cell<Uuid>, Cell<bool>, Cell<Map<String, Value>>);
        let fields = ["uuid", "powered", "custom_ndparams"];
        let asking = self.client.query::<Row>(Resource::Node, &fields, None);
        let rows = self.call("query_nodes", asking).await?;
        let detail = |(uuid, powered, own): Row| {
            let detail = json!({"powered": powered.value, "custom_ndparams": own.value});
            Some((uuid.value?, detail))
        };
        Ok(rows.into_iter().filter_map(detail).collect())
    }

    /// The hypervisor of one instance: reads by name don't say it.
    pub(crate) async fn hypervisors(&self, name: &str) -> Result<Vec<(Uuid, String)>> {
        let filter = Filter::equals("name", name);
        let fields = ["uuid", "hypervisor"];
        let asking = self.client.query::<(Cell<Uuid>, Cell<String>)>(
            Resource::Instance,
            &fields,
            Some(&filter),
        );
        let rows = self.call("query_instances", asking).await?;
        Ok(rows.into_iter().filter_map(|(u, h)| Some((u.value?, h.value?))).collect())
    }
}
