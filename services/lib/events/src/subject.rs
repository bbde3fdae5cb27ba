//! NATS subjects: `gwm.v1.<class>.<cluster>.<kind>.<id>.<event>`.

use std::fmt;
use std::str::FromStr;

use crate::{Class, Error, Result};

const LONGEST_TOKEN: usize = 64;

/// A valid subject of the contract. Ids are UUIDs or numbers, never names: names have dots.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Subject {
    /// The event class, one of [`Class::PUBLIC`].
    pub class: Class,
    /// The cluster's slug; none for what belongs to no cluster (`_` in the subject).
    pub cluster: Option<String>,
    /// `instance`, `node`, `job`, ..
    pub kind: String,
    /// Ganeti's UUID or gwm's id.
    pub id: String,
    /// Past tense: `created`, `status_changed`, ..
    pub event: String,
}

impl Subject {
    /// Puts a subject together and checks each part.
    pub fn new(
        class: Class,
        cluster: Option<&str>,
        kind: &str,
        id: &str,
        event: &str,
    ) -> Result<Self> {
        if !class.is_public() {
            return Err(invalid("class", class.as_str()));
        }
        if let Some(cluster) = cluster {
            check("cluster", cluster, |byte| byte == b'-')?;
        }
        check("kind", kind, |byte| byte == b'_')?;
        check("id", id, |byte| matches!(byte, b'-' | b'_') || byte.is_ascii_uppercase())?;
        check("event", event, |byte| byte == b'_')?;
        Ok(Self {
            class,
            cluster: cluster.map(ToOwned::to_owned),
            kind: kind.to_owned(),
            id: id.to_owned(),
            event: event.to_owned(),
        })
    }
}

/// What every part may hold: lower case, digits, and what `also` allows.
fn check(part: &'static str, value: &str, also: fn(u8) -> bool) -> Result<()> {
    let fits = (1..=LONGEST_TOKEN).contains(&value.len())
        && value != "_"
        && value
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || also(byte));
    if fits { Ok(()) } else { Err(invalid(part, value)) }
}

fn invalid(part: &'static str, value: &str) -> Error {
    Error::Subject { part, value: value.chars().take(LONGEST_TOKEN).collect() }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cluster = self.cluster.as_deref().unwrap_or("_");
        write!(f, "gwm.v1.{}.{cluster}.{}.{}.{}", self.class, self.kind, self.id, self.event)
    }
}

impl FromStr for Subject {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parts: Vec<&str> = text.split('.').collect();
        let ["gwm", "v1", class, cluster, kind, id, event] = parts[..] else {
            return Err(invalid("subject", text));
        };
        let class = class.parse().map_err(|_| invalid("class", class))?;
        let cluster = (cluster != "_").then_some(cluster);
        Self::new(class, cluster, kind, id, event)
    }
}

/// A part of an internal subject, such as a service's name: `[a-z0-9-]`.
pub(crate) fn check_service(service: &str) -> Result<()> {
    check("service", service, |byte| byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_survives_being_written_and_read() {
        for text in [
            "gwm.v1.inventory.alpha.instance.0191f0d3-1111-7aaa-8bbb-0123456789ab.created",
            "gwm.v1.access._.user.0191f0d3-1111-7aaa-8bbb-0123456789ab.created",
            "gwm.v1.jobs.fra1-prod.ganeti_job.4711.succeeded",
        ] {
            assert_eq!(text.parse::<Subject>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn parts_that_would_change_the_subject_are_refused() {
        for (cluster, id) in
            [("a.b", "1"), ("a", "web1.example.com"), ("*", "1"), ("a", ">"), ("", "1"), ("a", "")]
        {
            assert!(
                Subject::new(Class::Inventory, Some(cluster), "instance", id, "created").is_err(),
                "{cluster} {id}"
            );
        }
        assert!(Subject::new(Class::Dead, None, "instance", "1", "created").is_err());
        assert!("gwm.v1.inventory.a.instance.1".parse::<Subject>().is_err());
        assert!("gwm.v2.inventory.a.instance.1.created".parse::<Subject>().is_err());
    }
}
