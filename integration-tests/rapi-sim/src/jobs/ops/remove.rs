//! Removing an instance.

use super::{OpError, Plan, instance};
use crate::jobs::JobOp;
use crate::state::Cluster;

pub(super) fn plan(cluster: &Cluster, op: &JobOp) -> Result<Plan, OpError> {
    let found = instance(cluster, op)?;
    let uuid = found.uuid.clone();
    let stop = uuid.clone();
    let plan = Plan::filled("instance_uuid", &found.uuid);
    let plan = plan.then(move |cluster, _| {
        super::with_instance(cluster, &stop, |i| i.running_on = None);
        Ok(())
    });
    Ok(plan.then(move |cluster, _| {
        let name = cluster.instances.values().find(|i| i.uuid == uuid).map(|i| i.name.clone());
        if let Some(name) = name {
            cluster.remove_instance(&name);
        }
        Ok(())
    }))
}
