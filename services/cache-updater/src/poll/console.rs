//! Where the console of an instance listens right now.

use gwm_kernel::{ErrorCode, Fault};
use serde_json::Value;
use uuid::Uuid;

use super::session::Session;
use crate::domain::said::fields_of;
use crate::domain::{ConsoleRefusal, console_problem, console_target};
use crate::error::Result;

/// A VNC server.
#[derive(Debug)]
pub(crate) struct Console {
    pub(crate) host: String,
    pub(crate) port: u32,
    pub(crate) instance_name: String,
    pub(crate) primary_node: String,
}

impl Session {
    /// Reads the instance live, by name, and tells where its VNC server is: only if the name still
    /// means the same object.
    ///
    /// # Errors
    /// There is none, it can't be reached, or the object is another one now.
    pub(crate) async fn console(&self, uuid: Uuid) -> Result<Console> {
        self.check_breaker()?;
        let cluster = self.cluster().await?;
        let stored = self.store.fetch_instance(self.cluster_id, &uuid.to_string()).await?;
        let stored = stored.ok_or_else(|| Fault::not_found("instance"))?;
        let reader = self.reader(&cluster).await?;
        let replaced = || {
            Fault::new(
                ErrorCode::Conflict,
                "object_replaced",
                format!("{} is another instance now, or gone; nothing was opened", stored.name),
            )
        };
        let live = reader.instance(&stored.name).await?.ok_or_else(replaced)?;
        if live.uuid != uuid {
            return Err(replaced().into());
        }
        let params: Value = serde_json::from_str(live.hvparams.as_json()).unwrap_or_default();
        let bind = console_problem(&stored.hypervisor, &params, cluster.console_enabled)
            .map_err(refused)?;
        let status = live.status.as_deref().unwrap_or_default();
        if status != "running" && status != "ERROR_up" {
            return Err(Fault::new(
                ErrorCode::Conflict,
                "console_not_running",
                format!("{} is not running (it is {status}); start it first", stored.name),
            )
            .into());
        }
        let node = live.pnode.clone().unwrap_or_default();
        // The address that Ganeti itself uses for the node: a name server is not asked.
        let node_ip = self
            .store
            .fetch_node(self.cluster_id, &node)
            .await?
            .map(|n| n.primary_ip)
            .unwrap_or_default();
        let (host, port) =
            console_target(&bind, live.network_port.map(i32::from), &node_ip).map_err(refused)?;
        Ok(Console { host, port, instance_name: live.name, primary_node: node })
    }

    /// The OSes, which costs Ganeti a job: asked for at most hourly.
    ///
    /// # Errors
    /// They could not be read.
    pub(crate) async fn oses(&self) -> Result<Vec<String>> {
        self.check_breaker()?;
        // Single flight: whoever waited here finds what the one before stored.
        let _one = self.polling.lock().await;
        let cluster = self.cluster().await?;
        if let (Some(oses), Some(at)) = (&cluster.oses, cluster.oses_read_at)
            && chrono::Utc::now() - at < chrono::TimeDelta::hours(1)
        {
            return Ok(oses.clone());
        }
        let reader = self.reader(&cluster).await?;
        let mut oses = reader.call("oses", reader.client.oses()).await?;
        oses.sort();
        oses.dedup();
        let info = self.store.fetch_info(self.cluster_id).await?;
        let info = info.map(|said| fields_of(said.get())).unwrap_or_default();
        // A variant is hidden by itself or with its OS.
        let listed = |field: &str, os: &str| {
            let names = info.get(field).and_then(Value::as_array);
            let plain = os.split('+').next().unwrap_or(os);
            names.is_some_and(|names| names.iter().any(|name| name == os || name == plain))
        };
        let oses: Vec<_> = oses
            .into_iter()
            .map(|os| (listed("hidden_os", &os), listed("blacklisted_os", &os), os))
            .map(|(hidden, blacklisted, os)| (os, hidden, blacklisted))
            .collect();
        self.store.replace_oses(&self.held, self.cluster_id, &oses).await?;
        let offered = oses.into_iter().filter(|(_, hidden, blacklisted)| !hidden && !blacklisted);
        Ok(offered.map(|(os, ..)| os).collect())
    }
}

fn refused(refusal: ConsoleRefusal) -> Fault {
    Fault::new(ErrorCode::Conflict, refusal.reason, refusal.text)
}
