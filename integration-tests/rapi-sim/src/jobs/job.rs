//! One job: opcodes with state, log and result.

use serde_json::{Map, Value, json};

use crate::clock::Stamp;

/// State of a job or an opcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// Not looked at yet.
    Queued,
    /// Waiting for locks.
    Waiting,
    /// At work.
    Running,
    /// Done.
    Success,
    /// Failed.
    Error,
    /// Cancelled before it ran.
    Canceled,
}

impl Status {
    /// Ganeti's word.
    #[must_use]
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Success => "success",
            Self::Error => "error",
            Self::Canceled => "canceled",
        }
    }

    /// Whether nothing will change any more.
    #[must_use]
    pub(crate) fn is_final(self) -> bool {
        matches!(self, Self::Success | Self::Error | Self::Canceled)
    }
}

/// Why an opcode failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OpError {
    /// A condition was not met; nothing was done.
    Prereq(String, &'static str),
    /// A condition was not met, told without an error code.
    PrereqPlain(String),
    /// It failed while at work.
    Exec(String),
}

impl OpError {
    /// `opresult` as Ganeti writes it.
    #[must_use]
    pub(crate) fn result(&self) -> Value {
        match self {
            Self::Prereq(text, code) => json!(["OpPrereqError", [text, code]]),
            Self::PrereqPlain(text) => json!(["OpPrereqError", [text]]),
            Self::Exec(text) => json!(["OpExecError", [text]]),
        }
    }
}

/// One opcode of a job.
#[derive(Clone, Debug)]
pub(crate) struct JobOp {
    /// The opcode: `OP_ID`, parameters, reason trail.
    pub input: Map<String, Value>,
    /// State.
    pub status: Status,
    /// Log entries.
    pub log: Vec<Value>,
    /// Result.
    pub result: Value,
    /// Beginning, before and after taking locks, and end.
    pub times: [Option<Stamp>; 3],
}

impl JobOp {
    /// A text parameter.
    #[must_use]
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.input.get(key).and_then(Value::as_str)
    }

    /// A yes/no parameter; absent is no.
    #[must_use]
    pub(crate) fn flag(&self, key: &str) -> bool {
        self.input.get(key).and_then(Value::as_bool).unwrap_or(false)
    }

    /// `OP_INSTANCE_STARTUP` and so on.
    #[must_use]
    pub(crate) fn id(&self) -> &str {
        self.text("OP_ID").unwrap_or_default()
    }

    /// Adds a line to the log.
    pub(crate) fn say(&mut self, serial: &mut u64, text: &str) {
        *serial += 1;
        self.log.push(json!([*serial, Stamp::now().pair(), "message", text]));
    }

    /// The name of the opcode with its object, as in `summary`.
    #[must_use]
    pub(crate) fn summary(&self) -> String {
        let short = self.id().trim_start_matches("OP_");
        let key = match short {
            "TAGS_SET"
            | "TAGS_DEL"
            | "INSTANCE_RENAME"
            | "GROUP_RENAME"
            | "INSTANCE_QUERY_DATA"
            | "OS_DIAGNOSE"
            | "NODE_QUERY_STORAGE"
            | "CLUSTER_SET_PARAMS"
            | "CLUSTER_REDIST_CONF" => {
                return short.to_owned();
            }
            _ if short.starts_with("NODE_") => "node_name",
            _ if short.starts_with("GROUP_") => "group_name",
            _ if short.starts_with("NETWORK_") => "network_name",
            _ => "instance_name",
        };
        self.text(key).map_or_else(|| short.to_owned(), |object| format!("{short}({object})"))
    }
}

/// A job of the queue.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    /// Number.
    pub id: u64,
    /// Opcodes, run one after the other.
    pub ops: Vec<JobOp>,
    /// State.
    pub status: Status,
    /// When it was received, started, ended.
    pub received: Stamp,
    /// Start.
    pub start: Option<Stamp>,
    /// End.
    pub end: Option<Stamp>,
    /// Moved out of the live queue.
    pub archived: bool,
    /// Last serial of the log.
    pub log_serial: u64,
}

impl Job {
    /// All fields by name, as `/2/jobs/N` and queries show them.
    #[must_use]
    pub(crate) fn field(&self, name: &str) -> Option<Value> {
        let each = |f: &dyn Fn(&JobOp) -> Value| Value::Array(self.ops.iter().map(f).collect());
        let time = |stamp: Option<Stamp>| stamp.map_or(Value::Null, Stamp::pair);
        Some(match name {
            "id" => json!(self.id),
            "ops" => each(&|op| Value::Object(op.input.clone())),
            "status" => json!(self.status.word()),
            "summary" => each(&|op| json!(op.summary())),
            "opstatus" => each(&|op| json!(op.status.word())),
            "received_ts" => self.received.pair(),
            "start_ts" => time(self.start),
            "end_ts" => time(self.end),
            "oplog" => each(&|op| Value::Array(op.log.clone())),
            "opresult" => each(&|op| op.result.clone()),
            "opstart" => each(&|op| time(op.times[0])),
            "opexec" => each(&|op| time(op.times[1])),
            "opend" => each(&|op| time(op.times[2])),
            "archived" => json!(self.archived),
            "priority" => self.ops.first().and_then(|op| op.input.get("priority").cloned())?,
            "oppriority" => {
                each(&|op| op.input.get("priority").cloned().unwrap_or_else(|| json!(0)))
            }
            _ => return None,
        })
    }

    /// The job with these fields.
    #[must_use]
    pub(crate) fn view(&self, fields: &[&str]) -> Value {
        Value::Object(
            fields
                .iter()
                .map(|f| ((*f).to_owned(), self.field(f).unwrap_or(Value::Null)))
                .collect(),
        )
    }

    /// Whether any opcode carries this text as the reason given by the user.
    #[must_use]
    pub(crate) fn has_reason(&self, text: &str) -> bool {
        self.ops.iter().any(|op| {
            op.input.get("reason").and_then(Value::as_array).is_some_and(|trail| {
                trail.iter().any(|entry| {
                    entry.get(1).and_then(Value::as_str).is_some_and(|why| why.contains(text))
                })
            })
        })
    }
}
