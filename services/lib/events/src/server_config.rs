//! The users of NATS and what each may do, as `nats-server` configuration. `make run`, the tests
//! and deploy/nats/nats-server.conf.example are all made by this one function.
//!
//! Services share the account GWM, where the streams are; each publishes its own classes only.
//! Integrators have an account of their own, into which only `gwm.v1.>` comes: whatever they
//! publish or ask stays there, so that not even a reply subject can reach a stream.

use std::fmt::Write as _;

use crate::{Class, Error, Result};

/// The services, by the names that they connect by.
pub const SERVICES: [&str; 5] = ["auth", "cache-updater", "job-runner", "vnc-proxy", "web-gateway"];

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
    Ok(format!(
        r#"# Who may connect to NATS, and what each may do. Generated: see services/lib/events/src/server_config.rs.
# There is no user without a key, so an anonymous connection is refused.

max_payload: 1MB
accounts {{
  GWM: {{
    jetstream: enabled
    users: [
{services}    ]
    exports: [ {{ stream: "gwm.v1.>", accounts: [ INTEGRATORS ] }} ]
  }}
  INTEGRATORS: {{
    users: [
{integrators}    ]
    imports: [ {{ stream: {{ account: GWM, subject: "gwm.v1.>" }} }} ]
  }}
  SYS: {{ users: [] }}
}}
system_account: SYS
"#
    ))
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
    for class in owned.clone() {
        let stream = class.stream();
        publish.push(format!("$JS.API.STREAM.CREATE.{stream}"));
        publish.push(format!("$JS.API.STREAM.UPDATE.{stream}"));
        if class.is_public() {
            publish.push(format!("gwm.v1.{class}.>"));
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

fn integrator(name: &str, clusters: &[String]) -> Result<Permissions> {
    crate::subject::check_service(name)?;
    let subscribe = if clusters.is_empty() {
        vec!["gwm.v1.>".to_owned()]
    } else {
        for cluster in clusters {
            crate::subject::check_service(cluster)?;
        }
        clusters.iter().map(|cluster| format!("gwm.v1.*.{cluster}.>")).collect()
    };
    Ok(Permissions { publish: Vec::new(), subscribe })
}

fn write_user(out: &mut String, user: &NatsUser, name: &str, permissions: &Permissions) {
    let publish = match permissions.publish.is_empty() {
        true => "{ deny: \">\" }".to_owned(),
        false => format!("{{ allow: [\n{}          ] }}", quoted_lines(&permissions.publish)),
    };
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
