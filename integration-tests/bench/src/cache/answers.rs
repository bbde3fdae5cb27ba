//! What a cluster of the simulator answers, before and after some of its instances were stopped.

use std::collections::HashMap;

use anyhow::Context as _;
use gwm_cache_updater::bench::Answers;
use gwm_rapi::{Client, Credentials, Endpoint, Fingerprint, Limits, Trust};
use gwm_rapi_sim::{Admin, ClusterConfig, Sim, SimCluster, SimConfig};
use secrecy::SecretString;

/// The answers of one cluster, and those after `changed` of its instances were stopped.
pub(crate) async fn pair(
    nodes: usize,
    instances: usize,
    changed: usize,
) -> anyhow::Result<(Answers, Answers)> {
    let config = ClusterConfig { nodes, instances, ..ClusterConfig::default() };
    let sim = Sim::start(SimConfig { clusters: vec![config], admin: None }).await?;
    let cluster = sim.clusters().first().context("it has one cluster")?;
    let before = read(cluster).await?;
    cluster.edit(|state| {
        let running = state.instances.values_mut().filter(|i| i.running_on.is_some());
        for instance in running.step_by(instances / changed / 2).take(changed) {
            instance.running_on = None;
            instance.admin = Admin::Down;
            instance.serial_no += 1;
            instance.mtime += 60.0;
        }
    });
    let after = read(cluster).await?;
    sim.stop().await;
    Ok((before, after))
}

async fn read(cluster: &SimCluster) -> anyhow::Result<Answers> {
    let fingerprint: Fingerprint = cluster.fingerprint().parse()?;
    let credentials = Credentials::new("gwm-read", SecretString::from("read-secret"))?;
    let client = Client::new(
        Endpoint::parse(&cluster.url())?,
        &Trust::Pinned(fingerprint),
        Some(credentials),
        Limits::default(),
    )?;
    let instances = client.instances_bulk_raw().await?;
    let hypervisors: HashMap<_, _> = instances
        .parse::<gwm_rapi::Instance>()?
        .into_iter()
        .map(|instance| (instance.uuid, "kvm".to_owned()))
        .collect();
    Ok(Answers {
        info: client.info().await?,
        nodes: client.nodes_bulk_raw().await?,
        instances,
        hypervisors,
        groups: client.groups().await?.into_iter().map(|g| (g.uuid, g.name)).collect(),
    })
}
