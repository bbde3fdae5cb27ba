//! Query filters: `["&", ["=", "status", "running"], ["=~", "name", "^web"]]`.

use std::cmp::Ordering;

use regex::Regex;
use serde_json::Value;

/// A parsed filter.
#[derive(Debug)]
pub(crate) enum Filter {
    /// All must hold.
    And(Vec<Filter>),
    /// One must hold.
    Or(Vec<Filter>),
    /// Must not hold.
    Not(Box<Filter>),
    /// The field is truthy.
    Truthy(String),
    /// The field stands so to the value.
    Compare(String, fn(Ordering) -> bool, Value),
    /// The field's text matches.
    Matches(String, Regex),
    /// The field's list holds the value.
    Contains(String, Value),
}

impl Filter {
    /// Parses a filter; the error is Ganeti's text.
    pub(crate) fn parse(filter: &Value) -> Result<Self, String> {
        let broken = || format!("expected array [string, args], got {filter}");
        let parts = filter.as_array().ok_or_else(broken)?;
        let op = parts.first().and_then(Value::as_str).ok_or_else(broken)?;
        let args = &parts[1..];
        let several = || args.iter().map(Self::parse).collect::<Result<Vec<_>, _>>();
        let field = || args.first().and_then(Value::as_str).map(str::to_owned).ok_or_else(broken);
        let value = || args.get(1).cloned().ok_or_else(broken);
        Ok(match op {
            "&" => Self::And(several()?),
            "|" => Self::Or(several()?),
            "!" => Self::Not(Box::new(Self::parse(args.first().ok_or_else(broken)?)?)),
            "?" => Self::Truthy(field()?),
            "=" | "==" => Self::Compare(field()?, Ordering::is_eq, value()?),
            "!=" => Self::Compare(field()?, Ordering::is_ne, value()?),
            "<" => Self::Compare(field()?, Ordering::is_lt, value()?),
            ">" => Self::Compare(field()?, Ordering::is_gt, value()?),
            "<=" => Self::Compare(field()?, Ordering::is_le, value()?),
            ">=" => Self::Compare(field()?, Ordering::is_ge, value()?),
            "=~" => {
                let pattern = value()?.as_str().unwrap_or_default().to_owned();
                Self::Matches(field()?, Regex::new(&pattern).map_err(|e| e.to_string())?)
            }
            "=[]" => Self::Contains(field()?, value()?),
            other => return Err(format!("unknown filter operator {other}")),
        })
    }

    /// Fields that the filter reads.
    pub(crate) fn fields(&self, out: &mut Vec<String>) {
        match self {
            Self::And(all) | Self::Or(all) => all.iter().for_each(|f| f.fields(out)),
            Self::Not(inner) => inner.fields(out),
            Self::Truthy(f)
            | Self::Compare(f, _, _)
            | Self::Matches(f, _)
            | Self::Contains(f, _) => {
                out.push(f.clone());
            }
        }
    }

    /// Whether an object passes; `get` gives its field values.
    pub(crate) fn passes(&self, get: &impl Fn(&str) -> Value) -> bool {
        match self {
            Self::And(all) => all.iter().all(|f| f.passes(get)),
            Self::Or(all) => all.iter().any(|f| f.passes(get)),
            Self::Not(inner) => !inner.passes(get),
            Self::Truthy(field) => match get(field) {
                Value::Null => false,
                Value::Bool(yes) => yes,
                Value::Number(n) => n.as_f64() != Some(0.0),
                Value::String(text) => !text.is_empty(),
                Value::Array(list) => !list.is_empty(),
                Value::Object(map) => !map.is_empty(),
            },
            Self::Compare(field, want, value) => compare(&get(field), value, *want),
            Self::Matches(field, pattern) => match get(field) {
                Value::String(text) => pattern.is_match(&text),
                Value::Null
                | Value::Bool(_)
                | Value::Number(_)
                | Value::Array(_)
                | Value::Object(_) => false,
            },
            Self::Contains(field, value) => {
                get(field).as_array().is_some_and(|list| list.contains(value))
            }
        }
    }
}

fn compare(left: &Value, right: &Value, want: fn(Ordering) -> bool) -> bool {
    let order = match (left, right) {
        (Value::Number(a), Value::Number(b)) => {
            a.as_f64().zip(b.as_f64()).and_then(|(a, b)| a.partial_cmp(&b))
        }
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        _ => None,
    };
    // Values of different kinds are different, and in no order.
    order.map_or_else(|| left != right && want(Ordering::Less) && want(Ordering::Greater), want)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Filter;

    fn passes(filter: &Value) -> bool {
        let object = json!({"id": 7, "name": "web1", "tags": ["a", "b"], "up": true, "ram": null});
        Filter::parse(filter).expect("filter parses").passes(&|name: &str| object[name].clone())
    }

    #[test]
    fn operators_do_what_ganeti_documents() {
        assert!(passes(&json!(["&", ["=", "name", "web1"], [">", "id", 6]])));
        assert!(passes(&json!(["|", ["=", "id", 1], ["=", "id", 7]])));
        assert!(!passes(&json!(["!", ["?", "up"]])));
        assert!(passes(&json!(["=~", "name", "^web"])));
        assert!(passes(&json!(["=[]", "tags", "b"])));
        assert!(!passes(&json!(["=[]", "tags", "c"])));
        assert!(passes(&json!(["!=", "ram", 5])));
        assert!(!passes(&json!(["<", "ram", 5])));
        assert!(Filter::parse(&json!(["&", "x"])).is_err());
    }
}
