//! Faults on request: what goes wrong, for which requests, how often.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Something that goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Fault {
    /// Answers later.
    Latency {
        /// By how many milliseconds.
        ms: u64,
    },
    /// Takes the request, does nothing, never answers.
    Hang,
    /// Does the work (a job is made), never answers.
    HangAfter,
    /// Closes the connection without doing anything.
    CutBefore,
    /// Does the work (a job is made), closes the connection without an answer.
    CutAfter,
    /// Does the work, sends the head and half of the body, closes the connection.
    HalfAnswer,
    /// Answers this status, having done nothing.
    Status {
        /// The status, such as 500.
        status: u16,
        /// Text of the error.
        message: String,
    },
    /// Answers an empty list to a list request.
    EmptyList,
    /// Shows another cluster's UUID in `/2/info`.
    OtherUuid {
        /// The UUID shown.
        uuid: String,
    },
    /// Redirects elsewhere.
    Redirect {
        /// Where to.
        location: String,
    },
    /// Answers status 200 and this.
    Says {
        /// The body.
        body: serde_json::Value,
    },
    /// Answers HTML with status 200.
    NotJson,
    /// Answers status 200 and a body of this many bytes.
    Huge {
        /// Bytes, such as `2_147_483_648`.
        bytes: u64,
    },
    /// Answers 504 as when the master daemon is down.
    MasterDown,
    /// Answers 503 as when the job queue is full.
    QueueFull,
}

/// A fault with its limits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultRule {
    /// What goes wrong.
    #[serde(flatten)]
    pub fault: Fault,
    /// Only for this method.
    #[serde(default)]
    pub method: Option<String>,
    /// Only for paths that begin so.
    #[serde(default)]
    pub path: Option<String>,
    /// Only this often; absent is until cleared.
    #[serde(default)]
    pub times: Option<u32>,
}

impl FaultRule {
    /// Every request, until cleared.
    #[must_use]
    pub fn always(fault: Fault) -> Self {
        Self { fault, method: None, path: None, times: None }
    }

    /// The next matching request only.
    #[must_use]
    pub fn once(fault: Fault) -> Self {
        Self { times: Some(1), ..Self::always(fault) }
    }

    /// Limits the rule to a method.
    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        self.method = Some(method.to_owned());
        self
    }

    /// Limits the rule to paths that begin so.
    #[must_use]
    pub fn path(mut self, path: &str) -> Self {
        self.path = Some(path.to_owned());
        self
    }

    fn matches(&self, method: &str, path: &str) -> bool {
        self.method.as_ref().is_none_or(|m| m.eq_ignore_ascii_case(method))
            && self.path.as_ref().is_none_or(|p| path.starts_with(p.as_str()))
            && self.times != Some(0)
    }
}

/// The faults in force in one cluster.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    /// Rules, the first that matches counts.
    pub rules: Vec<FaultRule>,
    /// Added to every answer.
    pub latency: Duration,
    /// Connections are accepted and never spoken to (not even TLS).
    pub silent: bool,
    /// How often each fault struck.
    pub struck: u64,
}

impl Faults {
    /// The fault for this request, counted.
    pub(crate) fn take(&mut self, method: &str, path: &str) -> Option<Fault> {
        let rule = self.rules.iter_mut().find(|rule| rule.matches(method, path))?;
        if let Some(times) = &mut rule.times {
            *times -= 1;
        }
        let fault = rule.fault.clone();
        self.rules.retain(|rule| rule.times != Some(0));
        self.struck += 1;
        Some(fault)
    }
}
