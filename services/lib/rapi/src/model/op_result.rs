//! What an opcode of a job left behind.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The result of one opcode: Ganeti's JSON, whose shape depends on opcode and outcome.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OpResult(pub Value);

/// Why an opcode failed, in Ganeti's words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpError {
    /// Ganeti's error class, like `OpPrereqError`; absent where Ganeti gave only a text.
    pub class: Option<String>,
    /// The text.
    pub text: String,
    /// Like `unknown_entity` or `insufficient_resources`.
    pub ecode: Option<String>,
}

impl OpResult {
    /// Reads it as an error. Ask only for an opcode whose status is `error` or `canceled`.
    #[must_use]
    pub fn as_error(&self) -> OpError {
        match &self.0 {
            Value::Array(parts) => error_of_parts(parts),
            Value::String(text) => {
                OpError { class: None, text: crate::error::clean(text), ecode: None }
            }
            other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) => {
                OpError { class: None, text: text_of(other), ecode: None }
            }
        }
    }

    /// Numbers of the jobs that this opcode submitted (evacuation, multi-allocation); those refused are left out.
    #[must_use]
    pub fn sub_jobs(&self) -> Vec<super::GanetiJobId> {
        let Some(jobs) = self.0.get("jobs").and_then(Value::as_array) else { return Vec::new() };
        jobs.iter()
            .filter(|pair| pair.get(0).and_then(Value::as_bool) == Some(true))
            .filter_map(|pair| serde_json::from_value(pair.get(1)?.clone()).ok())
            .collect()
    }
}

/// `["OpPrereqError", ["text", "ecode"]]`, `["OpExecError", ["text"]]`.
fn error_of_parts(parts: &[Value]) -> OpError {
    let (class, arguments) = match parts {
        [Value::String(class), Value::Array(arguments)] => {
            (Some(class.clone()), arguments.as_slice())
        }
        _ => (None, parts),
    };
    let text = arguments.first().map(text_of).unwrap_or_default();
    let ecode = match arguments {
        [_, Value::String(ecode)] if class.as_deref() == Some("OpPrereqError") => {
            Some(ecode.clone())
        }
        _ => None,
    };
    OpError { class, text, ecode }
}

fn text_of(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    };
    crate::error::clean(&text)
}

impl fmt::Debug for OpResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for OpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.text, &self.class) {
            (text, Some(class)) if text.is_empty() => f.write_str(class),
            (text, None) if text.is_empty() => f.write_str("failed without a message"),
            (text, _) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn error(value: Value) -> (Option<String>, String, Option<String>) {
        let error = OpResult(value).as_error();
        (error.class, error.text, error.ecode)
    }

    #[test]
    fn ganetis_error_shapes_are_read() {
        let own = |text: &str| Some(text.to_owned());
        assert_eq!(
            error(json!(["OpPrereqError", ["not known", "unknown_entity"]])),
            (own("OpPrereqError"), "not known".to_owned(), own("unknown_entity"))
        );
        assert_eq!(
            error(json!(["OpExecError", ["boom"]])),
            (own("OpExecError"), "boom".to_owned(), None)
        );
        assert_eq!(error(json!("Job canceled")), (None, "Job canceled".to_owned(), None));
        assert_eq!(error(json!(null)), (None, String::new(), None));
        assert_eq!(error(json!(["OpExecError", [["a", 1]]])).1, r#"["a",1]"#);
    }

    #[test]
    fn sub_jobs_are_those_that_were_accepted() {
        let result = OpResult(json!({"jobs": [[true, 7], [false, "full"], [true, "8"]]}));
        assert_eq!(result.sub_jobs().iter().map(|id| id.0).collect::<Vec<_>>(), [7, 8]);
        assert!(OpResult(json!([])).sub_jobs().is_empty());
    }
}
