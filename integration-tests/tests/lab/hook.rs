//! The hook on real Ganeti: installed by the lines of its page, then what the command line does shows in the
//! list, first by reading alone and then with the hook. How long it took is printed, not judged.

use std::time::{Duration, Instant};

use gwm_integration_tests::Part;
use serde_json::Value;

use crate::driver::Browser;
use crate::ganeti;
use crate::stage::{PATIENCE, Stage, eventually, wanted};

const CLUSTER: &str = "alpha";
/// Ganeti's tool and its arguments before the name of the instance, and how the list shows that it was done.
const ACTS: [(&str, &[&str], Shown); 4] = [
    ("started", &["gnt-instance", "start"], Shown::Status("running")),
    ("tagged", &["gnt-instance", "add-tags"], Shown::Tag("seen")),
    ("stopped", &["gnt-instance", "shutdown", "--timeout=0"], Shown::Status("ADMIN_down")),
    ("removed", &["gnt-instance", "remove", "--force", "--shutdown-timeout=0"], Shown::Gone),
];

enum Shown {
    Status(&'static str),
    Tag(&'static str),
    Gone,
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_command_line_does_on_real_ganeti_is_seen_by_reading_and_by_the_hook() {
    if !wanted() {
        return;
    }
    let begun = Instant::now();
    let say = |what: &str| eprintln!("{:6.1} s  {what}", begun.elapsed().as_secs_f64());
    let stage = Stage::start("lab-hook", 1).await;
    let names = ["read", "hook"].map(|how| format!("lab-{how}-1.{CLUSTER}.lab.test"));
    ganeti::make(CLUSTER, &names).await;
    for name in &names {
        let path = format!("/clusters/{CLUSTER}/instances/{name}");
        let _seen =
            eventually("one made", &stage.admin, &path, |i| i["status"] == "ADMIN_down").await;
    }
    say("two instances are made");
    acts(&stage, &names[0], "by reading alone").await;

    let _way = Way::open(stage.stack.public_port(Part::WebGateway));
    let browser = Browser::start(&stage.stack.url()).await;
    browser.sign_in("admin", "correct horse battery").await;
    browser.goto(&format!("/clusters/{CLUSTER}/hook")).await;
    browser.see("main", "none: no hook is heard").await;
    browser.click("main button", "Make a token").await;
    let lines = browser.text("main .notice code, main .notice pre").await;
    assert!(lines.contains("gwmhook_"), "{lines}");
    let _away = Away;
    say("the page shows the lines");
    let said = ganeti::run_beside(CLUSTER, &["bash", "-ec", &lines]).await;
    say(&format!("pasted on the master, which says {said:?}"));
    acts(&stage, &names[1], "with the hook").await;
    let heard = stage.admin.get(&format!("/clusters/{CLUSTER}/hook")).await.ok();
    assert!(heard["last_knock"].is_string(), "no node was heard: {heard:#}");
    browser.goto(&format!("/clusters/{CLUSTER}/hook")).await;
    browser.unsee("main dl", "none").await;

    // The jobs are history, also once Ganeti has archived them.
    let path = format!("/jobs?q=origin:ganeti%20instance:{}", names[1]);
    let kinds = |seen: &Value| -> Vec<String> {
        let items = seen["items"].as_array().cloned().unwrap_or_default();
        items.iter().map(|job| job["kind"].as_str().unwrap_or_default().to_owned()).collect()
    };
    let wanted = ["instance_startup", "tags_set", "instance_shutdown", "instance_remove"];
    let all = |seen: &Value| wanted.iter().all(|kind| kinds(seen).iter().any(|k| k == kind));
    let _seen = eventually("the jobs of the command line", &stage.admin, &path, all).await;
    let archive = "gnt-job archive $(gnt-job list --no-headers -o id) 2>&1 | tail -1; gnt-job list --no-headers | wc -l";
    let left = ganeti::run_beside(CLUSTER, &["bash", "-c", archive]).await;
    say(&format!("Ganeti has archived its jobs; it lists {}", left.trim()));
    assert!(all(&stage.admin.get(&path).await.ok()));
    browser.goto(&path).await;
    browser.see("tbody td", "outside gwm").await;
    say("its jobs are in the list");
    browser.quit().await;
}

/// Does all of it to one instance, and prints when the list shows each.
async fn acts(stage: &Stage, name: &str, how: &str) {
    for (word, tool, shown) in &ACTS {
        let tag = if let Shown::Tag(tag) = shown { Some(*tag) } else { None };
        let arguments: Vec<&str> = tool.iter().copied().chain([name]).chain(tag).collect();
        let _said = ganeti::run_beside(CLUSTER, &arguments).await;
        let done = Instant::now();
        let path = format!("/instances?q=name:{name}");
        loop {
            let seen = stage.admin.get(&path).await.ok();
            let item = &seen["items"][0];
            let there = match shown {
                Shown::Status(status) => item["status"] == *status,
                Shown::Tag(tag) => {
                    item["tags"].as_array().is_some_and(|t| t.iter().any(|t| t == tag))
                }
                Shown::Gone => item.is_null(),
            };
            if there {
                break;
            }
            assert!(done.elapsed() < PATIENCE, "{word} is not shown: {item:#}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        eprintln!(
            "{word:>9}, {how}: shown {:6.2} s after the command's end",
            done.elapsed().as_secs_f64()
        );
    }
}

/// The gateway listens on this machine only: a way to it from the master node, under the same address.
struct Way {
    host: std::process::Child,
    node: String,
}

impl Way {
    fn open(port: u16) -> Self {
        let clusters = ganeti::info();
        let of = |c: &&Value| c["name"] == CLUSTER;
        let cluster = clusters["clusters"].as_array().unwrap().iter().find(of).unwrap();
        // The lab's side of the cluster's bridge.
        let rapi = cluster["rapi"].as_str().unwrap();
        let address = rapi.trim_start_matches("https://").split(':').next().unwrap();
        let bridge = format!("{}.254", address.rsplit_once('.').unwrap().0);
        let host = std::process::Command::new("socat")
            .arg(format!("TCP-LISTEN:{port},bind={bridge},fork,reuseaddr"))
            .arg(format!("TCP:127.0.0.1:{port}"))
            .spawn()
            .unwrap();
        let listen = format!(
            "timeout 900 socat TCP-LISTEN:{port},bind=127.0.0.1,fork,reuseaddr TCP:{bridge}:{port} \
             > /dev/null 2>&1 < /dev/null & echo $!"
        );
        let node = ganeti::run(CLUSTER, &["bash", "-c", &listen]).trim().to_owned();
        Self { host, node }
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        let _killed = self.host.kill();
        let _collected = self.host.wait();
        if let Err(error) = ganeti::try_run(CLUSTER, &["kill", &self.node]) {
            eprintln!("the way to the gateway stays open: {error}");
        }
    }
}

/// Takes the hook away from all nodes.
struct Away;

impl Drop for Away {
    fn drop(&mut self) {
        let remove =
            "rm -f /etc/ganeti/gwm-knock /etc/ganeti/gwm-knock.json /etc/ganeti/hooks/*/gwm-knock";
        if let Err(error) = ganeti::try_run(CLUSTER, &["gnt-cluster", "command", remove]) {
            eprintln!("the hook stays: {error}");
        }
    }
}
