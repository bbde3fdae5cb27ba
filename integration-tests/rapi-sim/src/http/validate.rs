//! Checks parameters by the type texts of Ganeti's opcodes.

use serde_json::Value;

/// Whether a value fits a type such as `None or (OneOf a, b)`; types not known here accept all.
#[must_use]
pub(crate) fn fits(kind: &str, value: &Value) -> bool {
    let kind = kind.trim();
    if let Some(rest) = kind.strip_prefix("None or ") {
        return value.is_null() || fits(unwrap(rest), value);
    }
    if let Some(words) = kind.strip_prefix("OneOf ") {
        return value.as_str().is_some_and(|text| words.split(", ").any(|word| word == text));
    }
    if let Some(item) = kind.strip_prefix("List of ") {
        return value.as_array().is_some_and(|list| list.iter().all(|v| fits(unwrap(item), v)));
    }
    if kind.starts_with("Dictionary") {
        return value.is_object();
    }
    match kind {
        "Boolean" => value.is_boolean(),
        "String" => value.is_string(),
        "NonEmptyString" => value.as_str().is_some_and(|text| !text.is_empty()),
        "Integer" => value.is_i64() || value.is_u64(),
        "EqualOrGreaterThanZero" => value.is_u64(),
        "GreaterThanZero" => value.as_u64().is_some_and(|n| n > 0),
        _ => true,
    }
}

fn unwrap(kind: &str) -> &str {
    kind.trim().strip_prefix('(').and_then(|inner| inner.strip_suffix(')')).unwrap_or(kind)
}

/// Python's name of a JSON type.
#[must_use]
pub(crate) fn python_type(value: Option<&Value>) -> &'static str {
    match value {
        None | Some(Value::Null) => "NoneType",
        Some(Value::Bool(_)) => "bool",
        Some(Value::Number(n)) => {
            if n.is_f64() {
                "float"
            } else {
                "int"
            }
        }
        Some(Value::String(_)) => "str",
        Some(Value::Array(_)) => "list",
        Some(Value::Object(_)) => "dict",
    }
}

/// `OP_INSTANCE_SET_PARAMS` as Ganeti's class `OpInstanceSetParams`.
#[must_use]
pub(crate) fn class_name(op_id: &str) -> String {
    op_id
        .split('_')
        .map(|word| {
            let (first, rest) = word.split_at(word.len().min(1));
            format!("{first}{}", rest.to_lowercase())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{class_name, fits};

    #[test]
    fn types_are_checked_by_their_texts() {
        assert!(fits("None or (OneOf a, b)", &json!("b")));
        assert!(fits("None or (OneOf a, b)", &json!(null)));
        assert!(!fits("OneOf hard, full, soft", &json!("bogus")));
        assert!(!fits("List of NonEmptyString", &json!(["x", ""])));
        assert!(!fits("Boolean", &json!(1)));
        assert_eq!(class_name("OP_INSTANCE_SET_PARAMS"), "OpInstanceSetParams");
    }
}
