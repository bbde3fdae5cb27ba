//! Ganeti's own command line, on the master nodes of the lab.

use std::process::Command;

use gwm_testkit::paths::{is_root, project_root};
use serde_json::Value;

/// Instances that these tests make are named so; what an earlier run left is removed first.
const OURS: &str = "lab-";

fn lab(arguments: &[&str]) -> Result<String, String> {
    let script = project_root().join("integration-tests/lab/lab.sh");
    let mut command = if is_root() {
        Command::new(script)
    } else {
        let mut sudo = Command::new("sudo");
        sudo.args(["--non-interactive", "--preserve-env"]).arg(script);
        sudo
    };
    let output = command.args(arguments).output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!("{arguments:?}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// What the lab says of itself.
pub(crate) fn info() -> Value {
    let text = lab(&["info", "--json"]).unwrap_or_else(|error| panic!("{error}"));
    serde_json::from_str(&text).unwrap()
}

/// Ends a node as a power failure does.
pub(crate) fn kill(cluster: &str, node: &str) {
    let _said = lab(&["kill", cluster, node]).unwrap_or_else(|error| panic!("{error}"));
}

/// Gives it its power back.
pub(crate) fn start(cluster: &str, node: &str) {
    if let Err(error) = lab(&["start", cluster, node]) {
        eprintln!("node {node} of {cluster} stays down: {error}");
    }
}

/// Runs a command on a cluster's master node.
pub(crate) fn try_run(cluster: &str, arguments: &[&str]) -> Result<String, String> {
    lab(&[["node", cluster, "1", "env", "TZ=UTC"].as_slice(), arguments].concat())
}

/// The same for one that must succeed.
pub(crate) fn run(cluster: &str, arguments: &[&str]) -> String {
    try_run(cluster, arguments).unwrap_or_else(|error| panic!("{error}"))
}

/// The same, without keeping others from their work.
pub(crate) async fn run_beside(cluster: &'static str, arguments: &[&str]) -> String {
    let arguments: Vec<_> = arguments.iter().map(|&text| text.to_owned()).collect();
    let work = move || run(cluster, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
    tokio::task::spawn_blocking(work).await.unwrap()
}

/// A table of Ganeti's (`gnt-instance`, `gnt-node`): rows of the given fields.
pub(crate) fn table(cluster: &str, tool: &str, fields: &str) -> Vec<Vec<String>> {
    let text = run(cluster, &[tool, "list", "--no-headers", "--separator=|", "-o", fields]);
    text.lines().map(|line| line.split('|').map(str::to_owned).collect()).collect()
}

/// Names of all instances.
pub(crate) fn instances(cluster: &str) -> Vec<String> {
    table(cluster, "gnt-instance", "name").into_iter().flatten().collect()
}

/// Makes instances of the fake hypervisor without disks, all at once, and waits until they are there.
pub(crate) async fn make(cluster: &'static str, names: &[String]) {
    let add = "gnt-instance add --submit -t diskless -H fake --no-name-check --no-ip-check \
               --no-conflicts-check -o noop+default --no-install -B memory=128M,vcpus=1 \
               -n node1.CLUSTER.lab.test --net 0:mode=bridged,link=br0";
    let add = add.replace("CLUSTER", cluster);
    let script = format!(
        "set -e; for name in {names}; do {add} $name; done
         for try in $(seq 300); do
             there=$(gnt-instance list --no-headers -o name)
             left=; for name in {names}; do echo \"$there\" | grep -qx $name || left=$name; done
             [ -n \"$left\" ] || exit 0; sleep 0.3
         done; echo \"$left is not there\" >&2; exit 1",
        names = names.join(" ")
    );
    run_beside(cluster, &["bash", "-c", &script]).await;
}

/// Removes whatever tests made here, all at once, and waits until it is gone.
pub(crate) fn remove_ours(cluster: &str) {
    let script = format!(
        "ours() {{ gnt-instance list --no-headers -o name | grep '^{OURS}'; }}
         for name in $(ours); do gnt-instance remove --submit --force --shutdown-timeout=0 $name; done
         for try in $(seq 300); do ours > /dev/null || exit 0; sleep 0.3; done; ours >&2; exit 1"
    );
    if let Err(error) = try_run(cluster, &["bash", "-c", &script]) {
        eprintln!("these tests' instances stay: {error}");
    }
}

/// Ganeti's jobs that gwm asked for, archived ones too: number and opcodes with their reasons.
pub(crate) fn ops(cluster: &str) -> Vec<String> {
    let list = ["gnt-job", "list", "--archived", "--no-headers", "--separator=|", "-o", "id,ops"];
    let ours = |line: &&str| line.contains("'gwm:op=");
    run(cluster, &list).lines().filter(ours).map(str::to_owned).collect()
}

/// Those whose reason names this job of gwm.
pub(crate) fn jobs_of(cluster: &str, job: &str) -> Vec<String> {
    let reason = format!(";job={job}'");
    ops(cluster).into_iter().filter(|line| line.contains(&reason)).collect()
}

/// A job of gwm's became one Ganeti job, the one that it shows: never two, never none.
pub(crate) fn has_one_of(cluster: &str, job: &Value) {
    let found = jobs_of(cluster, job["id"].as_str().unwrap());
    assert_eq!(found.len(), 1, "Ganeti jobs of {job:#}: {found:#?}");
    let number = found[0].split('|').next().unwrap().parse::<u64>().unwrap();
    assert_eq!(job["ganeti_jobs"], serde_json::json!([number]), "{job:#}");
}
