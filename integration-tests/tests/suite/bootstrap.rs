//! DESIGN.md section 5, bootstrap: who starts a consumer after the list's `stream_sequence`, and
//! applies an event only if its `sequence` is above the revision held, misses nothing and applies
//! nothing twice, however often it is killed while the list fills.
//!
//! `examples/follow.rs` plays the integrator, with an integrator's key and an API token.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use gwm_integration_tests::{Api, Options, Part, Stack, binary_directory};
use gwm_rapi_sim::{ClusterConfig, Outside, Sim, SimConfig};
use gwm_testkit::wait_for;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// The whole list is read in each try, and the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(200);
const CLUSTERS: usize = 10;
const KILLS: usize = 100;
/// At these the journal is lost too, so that it begins again in the middle.
const LOSSES: [usize; 3] = [20, 40, 60];

/// 20,000 instances; 100,000 with `GWM_SOAK=1`, which takes minutes in a debug build.
fn instances_each() -> usize {
    if std::env::var_os("GWM_SOAK").is_some() { 10_000 } else { 2_000 }
}

fn slug(number: usize) -> String {
    format!("c{number}")
}

async fn fleet() -> Sim {
    let cluster = |number: usize| ClusterConfig {
        name: format!("{}.example.org", slug(number)),
        seed: 100 + number as u64,
        nodes: 10,
        instances: instances_each(),
        consoles: Some(false),
        ..ClusterConfig::default()
    };
    let clusters = (0..CLUSTERS).map(cluster).collect();
    Sim::start(SimConfig { clusters, admin: None }).await.unwrap()
}

/// Adds cluster after cluster; meanwhile things change in the first one.
async fn import(stack: &Stack, admin: &Api, sim: &Sim) {
    let first = sim.cluster("c0.example.org");
    let names: Vec<String> =
        first.look(|c| c.instances.values().take(2 * CLUSTERS).map(|i| i.name.clone()).collect());
    for (number, two) in names.chunks(2).enumerate() {
        let slug = slug(number);
        let cluster = sim.cluster(&format!("{slug}.example.org"));
        // It is looked at with a time limit, and the machine may be busy.
        wait_for("a cluster to be added", PATIENCE, async || {
            stack.add_sim(admin, &slug, cluster).await.map_err(|error| format!("{error:#}"))
        })
        .await;
        let (tagged, removed) = (two[0].clone(), two[1].clone());
        let tag =
            Outside::Tag { instance: tagged, add: vec![format!("t{number}")], remove: vec![] };
        first.outside(tag).await.unwrap();
        first.outside(Outside::Remove { instance: removed }).await.unwrap();
    }
}

/// The integrator's program.
struct Follower {
    directory: PathBuf,
    environment: Vec<(&'static str, String)>,
}

struct Life {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Follower {
    async fn new(stack: &Stack, admin: &Api) -> Self {
        let made = admin.post("/me/tokens", &json!({ "name": "follower" })).await.ok();
        let directory = stack.root().join("follower");
        std::fs::create_dir(&directory).unwrap();
        let environment = vec![
            ("GWM_URL", stack.url()),
            ("GWM_TOKEN", made["token"].as_str().unwrap().to_owned()),
            ("NATS_URL", stack.nats_url()),
            ("NATS_SEED_FILE", stack.integrator_seed().display().to_string()),
            ("INTEGRATOR", "integrator".to_owned()),
        ];
        Self { directory, environment }
    }

    fn journal(&self) -> PathBuf {
        self.directory.join("journal")
    }

    fn errors(&self) -> PathBuf {
        self.directory.join("errors")
    }

    fn start(&self) -> Life {
        let program = binary_directory().unwrap().join("examples/follow");
        let mut process = Command::new(program)
            .arg(self.journal())
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(self.errors()).unwrap())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Life { process, lines }
    }

    /// Lives for some lines, then is killed, wherever it is by then.
    async fn live_and_die(&self) {
        let mut life = self.start();
        for _ in 0..rand::random_range(0..6) {
            let line = life.lines.next_line().await.unwrap();
            assert!(line.is_some(), "{}", std::fs::read_to_string(self.errors()).unwrap());
        }
        life.process.kill().await.unwrap();
    }
}

/// What can be compared of an object: the list also knows what is no event, such as when it was seen.
fn comparable(object: &Value) -> Value {
    let fields =
        ["name", "status", "admin_state", "primary_node", "memory_mib", "tags", "revision"];
    fields.into_iter().map(|field| (field.to_owned(), object[field].clone())).collect()
}

fn identity(object: &Value) -> String {
    format!("{}/{}", object["cluster"].as_str().unwrap(), object["uuid"].as_str().unwrap())
}

/// What the journal says is there. Each object's revisions must follow each other: one too few is a
/// gap, one that comes again was applied twice.
fn held(journal: &Path) -> BTreeMap<String, Value> {
    let text = std::fs::read_to_string(journal).unwrap_or_default();
    let (mut held, mut revisions, mut pending) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
    let mut listed = false;
    for line in text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
        let [key, number, what] = line.splitn(3, ' ').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        if key != "=" {
            pending.push((key, number.parse::<u64>().unwrap(), what));
            continue;
        }
        for (key, revision, what) in pending.drain(..) {
            let before = revisions.insert(key, revision).unwrap_or(0);
            assert!(!listed || revision == before + 1, "{key}: {revision} after {before}");
            match serde_json::from_str(what) {
                Ok(object) => held.insert(key.to_owned(), comparable(&object)),
                Err(_) => held.remove(key),
            };
        }
        listed = true;
    }
    held
}

async fn list(admin: &Api) -> BTreeMap<String, Value> {
    let request = admin.request(Method::GET, "/instances").header("Accept", "application/x-ndjson");
    let answer = admin.send(request.timeout(PATIENCE)).await.expect_status(200);
    let items = answer.text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let items = items.filter(|item| item["end"].is_null());
    items.map(|item| (identity(&item), comparable(&item))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_killed_a_hundred_times_during_an_import_ends_equal_to_the_list() {
    let sim = fleet().await;
    let slow_poll = json!({ "poll": { "interval": "10s" } });
    let options = Options::test("bootstrap").with(Part::CacheUpdater, slow_poll);
    let stack = Stack::start(options).await.unwrap_or_else(|error| panic!("{error:#}"));
    let admin = stack.admin().await.unwrap();
    let follower = Follower::new(&stack, &admin).await;

    let kills = async {
        for kill in 1..=KILLS {
            follower.live_and_die().await;
            if LOSSES.contains(&kill) {
                eprintln!("{kill} kills, {} instances held", held(&follower.journal()).len());
                std::fs::remove_file(follower.journal()).unwrap();
            }
        }
    };
    tokio::join!(import(&stack, &admin, &sim), kills);

    let mut life = follower.start();
    let wanted = CLUSTERS * (instances_each() - 1);
    wait_for("the copy to be equal to the list", PATIENCE, async || {
        if let Some(status) = life.process.try_wait().unwrap() {
            panic!("{status}: {}", std::fs::read_to_string(follower.errors()).unwrap());
        }
        let (held, list) = (held(&follower.journal()), list(&admin).await);
        let differing = list.iter().filter(|(key, item)| held.get(*key) != Some(*item)).count();
        if list.len() == wanted && held == list {
            return Ok(());
        }
        Err(format!("{} listed, {} held, {differing} differ", list.len(), held.len()))
    })
    .await;
}
