//! The users of NATS and what each may do, as `nats-server` configuration. `make run`, the tests
//! and deploy/nats/nats-server.conf.example are all made by this one function.
//!
//! Services share the account GWM, where the streams are; each publishes its own classes only.
//! Integrators have an account of their own, into which only `gwm.v1.>` comes: whatever they
//! publish or ask stays there, so that not even a reply subject can reach a stream.
//!
//! What they may read again lies in a third account, REPLAY: a mirror of each public stream (see
//! mirrors.rs), and no user. Integrators reach the consumers of these mirrors, and nothing else
//! there, as the `JetStream` domain `replay`. A consumer may deliver to any subject of its
//! account, so it must not live where services or integrators listen: in REPLAY nobody does, and
//! who wants messages has to fetch them.

use std::fmt::Write as _;

use crate::mirrors::{DELIVERY, ORIGIN_API, REPLAY_API};
use crate::{Class, Error, REQUESTS, Result};

/// The services, by the names that they connect by.
pub const SERVICES: [&str; 5] = ["auth", "cache-updater", "job-runner", "vnc-proxy", "web-gateway"];

/// How integrators reach the mirrors' consumers: the `JetStream` domain `replay`.
const INTEGRATORS_API: &str = "$JS.replay.API";

/// One who may connect, by an nkey.
#[derive(Debug, Clone)]
pub struct NatsUser {
    /// The public half of the key (`U..`).
    pub public_key: String,
    /// Who it is.
    pub role: Role,
}

/// Who connects.
#[derive(Debug, Clone)]
pub enum Role {
    /// One of [`SERVICES`].
    Service(String),
    /// A reader of events.
    Integrator {
        /// `[a-z0-9-]`.
        name: String,
        /// The slugs of the clusters whose events it gets; all, and what belongs to no cluster,
        /// if empty.
        clusters: Vec<String>,
    },
}

/// Yields the part of `nats-server`'s configuration that says who may connect and do what.
/// Addresses, the store and TLS are the installation's.
pub fn server_config(users: &[NatsUser]) -> Result<String> {
    let mut services = String::new();
    let mut integrators = String::new();
    for user in users {
        if !user.public_key.starts_with('U')
            || !user.public_key.bytes().all(|b| b.is_ascii_alphanumeric())
        {
            return Err(Error::Settings("a user's public_key is no public nkey (U..)".to_owned()));
        }
        match &user.role {
            Role::Service(name) => write_user(&mut services, user, name, &service(name)?),
            Role::Integrator { name, clusters } => {
                write_user(&mut integrators, user, name, &integrator(name, clusters)?);
            }
        }
    }
    let (origin_exports, origin_imports) = origin();
    let (replay_exports, replay_imports) = consumers();
    Ok(format!(
        r#"# Who may connect to NATS, and what each may do. Generated: see services/lib/events/src/server_config.rs.
# There is no user without a key, so an anonymous connection is refused.

max_payload: 1MB
accounts {{
  # The services and the streams.
  GWM: {{
    jetstream: enabled
    users: [
{services}    ]
    exports: [
      {{ stream: "gwm.v1.>", accounts: [ INTEGRATORS ] }}
{origin_exports}    ]
    # Services make and keep the mirrors.
    imports: [ {{ service: {{ account: REPLAY, subject: "$JS.API.STREAM.*.*" }}, to: "{REPLAY_API}.STREAM.*.*" }} ]
  }}
  # Mirrors of the public streams. Nobody connects here.
  REPLAY: {{
    jetstream: enabled
    exports: [
      {{ service: "$JS.API.STREAM.*.*", accounts: [ GWM ] }}
{replay_exports}    ]
    imports: [
{origin_imports}    ]
  }}
  # Those who read events: live as gwm.v1.>, again from any place in the JetStream domain "replay".
  # To add one: a user like these, with a key and a name ([a-z0-9-]) of its own, which each line bears;
  # then `nats-server --signal reload`.
  INTEGRATORS: {{
    users: [
{integrators}    ]
    imports: [
      {{ stream: {{ account: GWM, subject: "gwm.v1.>" }} }}
{replay_imports}    ]
  }}
  SYS: {{ users: [] }}
}}
system_account: SYS
"#
    ))
}

/// What the mirrors need of the streams: the exports of GWM, and the imports of REPLAY.
fn origin() -> (String, String) {
    let mut exports = format!("      {{ stream: \"{DELIVERY}.>\", accounts: [ REPLAY ] }}\n");
    let mut imports =
        format!("      {{ stream: {{ account: GWM, subject: \"{DELIVERY}.>\" }} }}\n");
    for class in Class::PUBLIC {
        let stream = class.stream();
        // Of a mirror's own consumer: to make it, and to slow it down.
        for (subject, to) in [
            (
                format!("$JS.API.CONSUMER.CREATE.{stream}"),
                format!("{ORIGIN_API}.CONSUMER.CREATE.{stream}"),
            ),
            (
                format!("$JS.API.CONSUMER.CREATE.{stream}.>"),
                format!("{ORIGIN_API}.CONSUMER.CREATE.{stream}.>"),
            ),
            (format!("$JS.FC.{stream}.>"), format!("$JS.FC.{stream}.>")),
        ] {
            exports += &format!("      {{ service: \"{subject}\", accounts: [ REPLAY ] }}\n");
            imports += &service_import("GWM", &subject, &to);
        }
    }
    (exports, imports)
}

/// What integrators need of the mirrors: the exports of REPLAY, and their imports.
fn consumers() -> (String, String) {
    let (mut exports, mut imports) = (String::new(), String::new());
    for (request, options) in [
        ("STREAM.INFO.*", ""),
        ("CONSUMER.CREATE.>", ""),
        ("CONSUMER.INFO.*.*", ""),
        ("CONSUMER.DELETE.*.*", ""),
        ("CONSUMER.MSG.NEXT.*.*", ", response_type: Stream"),
    ] {
        let subject = format!("$JS.API.{request}");
        exports +=
            &format!("      {{ service: \"{subject}\", accounts: [ INTEGRATORS ]{options} }}\n");
        imports += &service_import("REPLAY", &subject, &format!("{INTEGRATORS_API}.{request}"));
    }
    exports += "      { service: \"$JS.ACK.>\", accounts: [ INTEGRATORS ] }\n";
    imports += &service_import("REPLAY", "$JS.ACK.>", "$JS.ACK.>");
    (exports, imports)
}

fn service_import(account: &str, subject: &str, to: &str) -> String {
    format!("      {{ service: {{ account: {account}, subject: \"{subject}\" }}, to: \"{to}\" }}\n")
}

struct Permissions {
    publish: Vec<String>,
    subscribe: Vec<String>,
}

fn service(name: &str) -> Result<Permissions> {
    if !SERVICES.contains(&name) {
        return Err(Error::Settings(format!("{name:?} is no service")));
    }
    let owned = Class::ALL.into_iter().filter(|class| class.publisher() == name);
    let mut publish = vec![
        format!("gwm.intake.{name}.>"),
        format!("gwm.dead.{name}"),
        "$JS.API.STREAM.INFO.*".to_owned(),
    ];
    if name == "web-gateway" {
        publish.push(REQUESTS.to_owned());
    }
    for class in owned.clone() {
        let stream = class.stream();
        publish.push(format!("$JS.API.STREAM.CREATE.{stream}"));
        publish.push(format!("$JS.API.STREAM.UPDATE.{stream}"));
        if class.is_public() {
            publish.push(format!("gwm.v1.{class}.>"));
            for verb in ["INFO", "CREATE", "UPDATE", "DELETE"] {
                publish.push(format!("{REPLAY_API}.STREAM.{verb}.{stream}"));
            }
        }
    }
    // Reading: everything public, and what is its own. Consumers, never streams, are made here.
    let internal = owned.filter(|class| !class.is_public());
    for class in Class::PUBLIC.into_iter().chain(internal) {
        let stream = class.stream();
        publish.extend([
            format!("$JS.API.CONSUMER.CREATE.{stream}"),
            format!("$JS.API.CONSUMER.CREATE.{stream}.>"),
            format!("$JS.API.CONSUMER.INFO.{stream}.*"),
            format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.*"),
            format!("$JS.ACK.{stream}.>"),
        ]);
    }
    Ok(Permissions { publish, subscribe: vec![format!("_INBOX_{name}.>")] })
}

/// Everything a reader may say is about consumers that bear its name, one for each cluster if it
/// is limited: nobody can take another's messages, and what a consumer may be is bounded by where
/// its filter stands in the subject, which the server compares with the request.
fn integrator(name: &str, clusters: &[String]) -> Result<Permissions> {
    crate::subject::check_service(name)?;
    let api = INTEGRATORS_API;
    let mut publish = Vec::new();
    let mut subscribe = vec![format!("_INBOX_{name}.>")];
    let mut consumers = Vec::new();
    if clusters.is_empty() {
        subscribe.push("gwm.v1.>".to_owned());
        // Not for the others: it tells the subjects of all clusters, if asked to.
        publish.push(format!("{api}.STREAM.INFO.*"));
        publish.push(format!("{api}.CONSUMER.CREATE.*.{name}"));
        publish.push(format!("{api}.CONSUMER.CREATE.*.{name}.>"));
        consumers.push(name.to_owned());
    }
    for cluster in clusters {
        crate::subject::check_service(cluster)?;
        let events = format!("gwm.v1.*.{cluster}.>");
        // Neither part can hold an underscore, so no two pairs make the same name.
        let consumer = format!("{name}_{cluster}");
        publish.push(format!("{api}.CONSUMER.CREATE.*.{consumer}.{events}"));
        subscribe.push(events);
        consumers.push(consumer);
    }
    for consumer in consumers {
        for request in ["INFO", "DELETE", "MSG.NEXT"] {
            publish.push(format!("{api}.CONSUMER.{request}.*.{consumer}"));
        }
        publish.push(format!("$JS.ACK.*.{consumer}.>"));
    }
    Ok(Permissions { publish, subscribe })
}

fn write_user(out: &mut String, user: &NatsUser, name: &str, permissions: &Permissions) {
    let publish = format!("{{ allow: [\n{}          ] }}", quoted_lines(&permissions.publish));
    let subscribe = quoted(&permissions.subscribe);
    let key = &user.public_key;
    write!(
        out,
        "      # {name}\n      {{ nkey: {key}, permissions: {{\n          publish: {publish}\n          \
         subscribe: {{ allow: [{subscribe}] }}\n      }} }}\n"
    )
    .expect("writing to a string can't fail");
}

fn quoted_lines(subjects: &[String]) -> String {
    subjects.iter().map(|subject| format!("            \"{subject}\"\n")).collect()
}

fn quoted(subjects: &[String]) -> String {
    let quoted: Vec<String> = subjects.iter().map(|subject| format!("\"{subject}\"")).collect();
    quoted.join(", ")
}
