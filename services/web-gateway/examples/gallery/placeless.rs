//! Pages as they are for those who may not see where instances run.

use crate::fleet::{cluster_page, overview_page};
use crate::machines::instance_page;
use crate::others::job_page;
use gwm_web_gateway::http::views::shell::Shell;
use gwm_web_gateway::http::views::{clusters, instances, jobs, overview, parts};

/// Somebody who is no operator.
fn seen_by_a_viewer(shell: &mut Shell) {
    shell.placement = false;
    shell.admin = false;
}

pub(crate) fn instance() -> instances::InstancePage {
    let mut page = instance_page(false);
    seen_by_a_viewer(&mut page.shell);
    page.placed = false;
    page.row.node.clear();
    page.row.secondary_nodes.clear();
    page.node_group.clear();
    page.now.clear();
    page.parameters.truncate(1);
    for nic in &mut page.nics {
        for text in
            [&mut nic.mode, &mut nic.link, &mut nic.bridge, &mut nic.network_uuid, &mut nic.uuid]
        {
            text.clear();
        }
    }
    page
}

pub(crate) fn job() -> jobs::JobPage {
    let mut page = job_page(true);
    seen_by_a_viewer(&mut page.shell);
    page.details_hidden = true;
    page.log_hidden = true;
    page.log.clear();
    page.error = Some(parts::Notice::new(
        parts::Tone::Bad,
        "The cluster has not enough room for it; the details are for operators of this cluster.",
        "Free something, ask for less, or choose another node.",
    ));
    page
}

pub(crate) fn cluster() -> clusters::ClusterPage {
    let mut page = cluster_page(false);
    seen_by_a_viewer(&mut page.shell);
    page.quotas = None;
    page.line.placed = false;
    page.master_node.clear();
    page.endpoints.clear();
    page.parameters.clear();
    page.actions.clear();
    page.access = None;
    page.may_remove = false;
    page
}

pub(crate) fn overview() -> overview::OverviewPage {
    let mut page = overview_page(false);
    seen_by_a_viewer(&mut page.shell);
    page.problems.retain(|problem| !problem.detail.contains("node"));
    page
}
