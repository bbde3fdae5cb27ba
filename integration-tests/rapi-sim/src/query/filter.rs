//! Query filters: `["&", ["=", "status", "running"], ["=~", "name", "^web"]]`.

use std::cmp::Ordering;

use regex::Regex;
use serde_json::{Number, Value};

use super::python::dumps;

/// A parsed filter.
#[derive(Debug)]
pub(crate) enum Filter {
    /// All must hold.
    And(Vec<Filter>),
    /// One must hold.
    Or(Vec<Filter>),
    /// Must not hold.
    Not(Box<Filter>),
    /// The yes/no field is yes.
    Truthy(String),
    /// The field equals the value.
    Equal(String, Value),
    /// The field stands so to the value.
    Order(String, fn(Ordering) -> bool, Value),
    /// The field's text matches.
    Matches(String, Regex),
    /// The field's list holds the value.
    Contains(String, Value),
}

impl Filter {
    /// Parses a filter; the error is Ganeti's text.
    pub(crate) fn parse(filter: &Value) -> Result<Self, String> {
        let broken = || {
            format!(
                "Cannot deserialise filter: expected array [string, args], got {}",
                dumps(filter)
            )
        };
        let parts = filter.as_array().ok_or_else(broken)?;
        let op = parts.first().and_then(Value::as_str).ok_or_else(broken)?;
        let args = &parts[1..];
        let several = || args.iter().map(Self::parse).collect::<Result<Vec<_>, _>>();
        let field = || args.first().and_then(Value::as_str).map(str::to_owned).ok_or_else(broken);
        // Values are texts and numbers; a filter can't compare with true or null.
        let value =
            || args.get(1).filter(|v| v.is_string() || v.is_number()).cloned().ok_or_else(broken);
        Ok(match op {
            "&" => Self::And(several()?),
            "|" => Self::Or(several()?),
            "!" => Self::Not(Box::new(Self::parse(args.first().ok_or_else(broken)?)?)),
            "?" => Self::Truthy(field()?),
            "=" | "==" => Self::Equal(field()?, value()?),
            "!=" => Self::Not(Box::new(Self::Equal(field()?, value()?))),
            "<" => Self::Order(field()?, Ordering::is_lt, value()?),
            ">" => Self::Order(field()?, Ordering::is_gt, value()?),
            "<=" => Self::Order(field()?, Ordering::is_le, value()?),
            ">=" => Self::Order(field()?, Ordering::is_ge, value()?),
            "=~" => {
                let pattern = value()?.as_str().unwrap_or_default().to_owned();
                Self::Matches(field()?, Regex::new(&pattern).map_err(|e| e.to_string())?)
            }
            "=[]" => Self::Contains(field()?, value()?),
            other => return Err(format!("Unknown filter operand '{other}'")),
        })
    }

    /// Fields that the filter reads.
    pub(crate) fn fields<'a>(&'a self, out: &mut Vec<&'a str>) {
        match self {
            Self::And(all) | Self::Or(all) => all.iter().for_each(|f| f.fields(out)),
            Self::Not(inner) => inner.fields(out),
            Self::Truthy(f)
            | Self::Equal(f, _)
            | Self::Order(f, _, _)
            | Self::Matches(f, _)
            | Self::Contains(f, _) => out.push(f),
        }
    }

    /// The values, when the filter only asks for objects by this field: then Ganeti looks these
    /// up instead of searching, and says so when one is not there.
    pub(crate) fn requested(&self, key: &str) -> Option<Vec<Value>> {
        match self {
            Self::Equal(field, value) if field == key => Some(vec![value.clone()]),
            Self::Or(all) => {
                let each: Option<Vec<_>> = all.iter().map(|f| f.requested(key)).collect();
                each.map(|lists| lists.into_iter().flatten().collect())
            }
            Self::Equal(..)
            | Self::And(_)
            | Self::Not(_)
            | Self::Truthy(_)
            | Self::Order(..)
            | Self::Matches(..)
            | Self::Contains(..) => None,
        }
    }

    /// Whether an object passes; `get` gives its field values. A field without a value passes
    /// every comparison, as in Ganeti.
    pub(crate) fn passes(&self, get: &impl Fn(&str) -> Value) -> Result<bool, String> {
        let with = |field: &str, test: &dyn Fn(&Value) -> Result<bool, String>| {
            let value = get(field);
            if value.is_null() { Ok(true) } else { test(&value) }
        };
        match self {
            Self::And(all) => all.iter().try_fold(true, |yes, f| Ok(yes && f.passes(get)?)),
            Self::Or(all) => all.iter().try_fold(false, |yes, f| Ok(yes || f.passes(get)?)),
            Self::Not(inner) => inner.passes(get).map(|yes| !yes),
            Self::Truthy(field) => with(field, &truthy),
            Self::Equal(field, value) => with(field, &|v| compare(v, value).map(Ordering::is_eq)),
            Self::Order(field, want, value) => with(field, &|v| compare(v, value).map(want)),
            Self::Matches(field, pattern) => with(field, &|v| {
                v.as_str().map(|text| pattern.is_match(text)).ok_or_else(|| {
                    let value = dumps(v);
                    format!(
                        "Invalid field value used in regexp matching, expecting string but got \
                         '{value}'"
                    )
                })
            }),
            Self::Contains(field, value) => {
                with(field, &|v| Ok(v.as_array().is_some_and(|list| list.contains(value))))
            }
        }
    }
}

fn truthy(value: &Value) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| format!("Unexpected value '{}' in boolean context", dumps(value)))
}

fn compare(left: &Value, right: &Value) -> Result<Ordering, String> {
    let order = match (left, right) {
        (Value::Number(a), Value::Number(b)) => {
            Number::as_f64(a).zip(b.as_f64()).and_then(|(a, b)| a.partial_cmp(&b))
        }
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        _ => None,
    };
    order.ok_or_else(|| {
        let word = if right.is_string() { "QuotedString" } else { "NumericValue" };
        format!(
            "Invalid types in comparison, trying to compare {} with '{word} {}'",
            dumps(left),
            dumps(right)
        )
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Filter;

    fn passes(filter: &Value) -> Result<bool, String> {
        let object = json!({"id": 7, "name": "web1", "tags": ["a", "b"], "up": true, "ram": null});
        Filter::parse(filter).expect("filter parses").passes(&|name: &str| object[name].clone())
    }

    #[test]
    fn operators_do_what_ganeti_does() {
        assert_eq!(passes(&json!(["&", ["=", "name", "web1"], [">", "id", 6]])), Ok(true));
        assert_eq!(passes(&json!(["|", ["=", "id", 1], ["=", "id", 7]])), Ok(true));
        assert_eq!(passes(&json!(["!", ["?", "up"]])), Ok(false));
        assert_eq!(passes(&json!(["=~", "name", "^web"])), Ok(true));
        assert_eq!(passes(&json!(["=[]", "tags", "b"])), Ok(true));
        assert_eq!(passes(&json!(["=[]", "tags", "c"])), Ok(false));
        assert!(passes(&json!(["?", "name"])).is_err());
        assert!(passes(&json!(["=", "id", "x"])).is_err());
    }

    #[test]
    fn a_field_without_a_value_passes_every_comparison() {
        assert_eq!(passes(&json!(["<", "ram", 5])), Ok(true));
        assert_eq!(passes(&json!([">", "ram", 5])), Ok(true));
        assert_eq!(passes(&json!(["=", "ram", 5])), Ok(true));
        assert_eq!(passes(&json!(["!=", "ram", 5])), Ok(false));
    }

    #[test]
    fn broken_filters_are_refused() {
        for broken in
            [json!(["&", "x"]), json!(["%", "a", 1]), json!(["=", "up", true]), json!("x")]
        {
            assert!(Filter::parse(&broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn only_a_filter_of_names_requests_names() {
        let requested = |filter: &Value| Filter::parse(filter).unwrap().requested("id");
        let both = json!(["|", ["=", "id", 1], ["=", "id", 2]]);
        assert_eq!(requested(&both), Some(vec![json!(1), json!(2)]));
        assert_eq!(requested(&json!(["&", ["=", "id", 1]])), None);
        assert_eq!(requested(&json!([">", "id", 1])), None);
    }
}
