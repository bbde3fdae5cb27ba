//! The configuration file of one replica.

use std::collections::BTreeMap;

use anyhow::Context;
use serde_json::{Value, json};

use crate::Part;
use crate::files::Files;
use crate::layout::Ports;

/// What all replicas need to know of each other.
#[derive(Debug, Clone)]
pub(crate) struct Addresses {
    /// Ports of each replica.
    pub(crate) replicas: BTreeMap<(Part, usize), Ports>,
    /// Where browsers find the gateway and vnc-proxy.
    pub(crate) public: BTreeMap<Part, u16>,
    pub(crate) postgres: u16,
    pub(crate) nats: String,
}

impl Addresses {
    fn peer(&self, part: Part) -> String {
        let of_part = self.replicas.iter().filter(|((p, _), _)| *p == part);
        let urls: Vec<_> = of_part.map(|(_, ports)| grpc_url(ports.grpc)).collect();
        urls.join(",")
    }

    pub(crate) fn public_url(&self) -> String {
        format!("http://localhost:{}", self.public[&Part::WebGateway])
    }
}

fn grpc_url(port: u16) -> String {
    format!("https://127.0.0.1:{port}")
}

/// The whole file as text.
pub(crate) fn text(
    files: &Files,
    addresses: &Addresses,
    part: Part,
    index: usize,
    more: &[(Part, Value)],
) -> anyhow::Result<String> {
    let name = part.name();
    let ports = addresses.replicas[&(part, index)];
    let mut all = json!({
        "log": "info",
        "admin": format!("127.0.0.1:{}", ports.admin),
        "tls": {
            "ca_path": files.tls("ca.pem"),
            "cert_path": files.tls(&format!("{name}.pem")),
            "key_path": files.tls(&format!("{name}.key")),
        },
        "nats": {
            "urls": [addresses.nats],
            "nkey_seed_file": files.secret(&Files::seed(name)),
        },
    });
    if part.has_grpc() {
        let own = json!({
            "grpc": format!("127.0.0.1:{}", ports.grpc),
            "advertise": grpc_url(ports.grpc),
        });
        merge(&mut all, &own);
    }
    if let Some(database) = part.database() {
        let port = addresses.postgres;
        let own = json!({ "database": {
            "url": format!("postgres://gwm@127.0.0.1:{port}/{database}?sslmode=disable"),
            "password_file": files.secret("database.password"),
        }});
        merge(&mut all, &own);
    }
    merge(&mut all, &own(files, addresses, part, ports));
    for (_, settings) in more.iter().filter(|(p, _)| *p == part) {
        merge(&mut all, settings);
    }
    let table = toml::Table::try_from(all).context("settings as TOML")?;
    toml::to_string(&table).context("settings as TOML")
}

fn own(files: &Files, addresses: &Addresses, part: Part, ports: Ports) -> Value {
    let auth = || addresses.peer(Part::Auth);
    let cache = || addresses.peer(Part::CacheUpdater);
    let http = || {
        json!({
            "listen": format!("127.0.0.1:{}", ports.http),
            "public_url": addresses.public_url(),
        })
    };
    match part {
        Part::Auth => json!({
            "master_key_file": files.secret("auth-master.key"),
            "admin_password_file": files.secret("admin.password"),
            "peers": { "cache_updater": cache() },
        }),
        Part::CacheUpdater => json!({
            "master_key_file": files.secret("cache-updater-master.key"),
            "allow_loopback": true,
            "peers": { "auth": auth() },
        }),
        Part::JobRunner => json!({ "peers": { "auth": auth(), "cache_updater": cache() } }),
        Part::VncProxy => {
            json!({ "peers": { "auth": auth(), "cache_updater": cache() }, "http": http() })
        }
        Part::WebGateway => {
            let mut own = json!({
                "peers": {
                    "auth": auth(),
                    "cache_updater": cache(),
                    "job_runner": addresses.peer(Part::JobRunner),
                    "vnc_proxy": addresses.peer(Part::VncProxy),
                },
                "http": http(),
            });
            let port = addresses.public[&Part::VncProxy];
            let console = json!({"http": { "console_url": format!("ws://localhost:{port}") }});
            merge(&mut own, &console);
            own
        }
    }
}

/// Puts one object's fields over another's, at any depth.
pub(crate) fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from.clone(),
    }
}
