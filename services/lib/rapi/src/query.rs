//! `PUT /2/query/RESOURCE`: chosen fields, filtered by Ganeti.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resource {
    /// Instances.
    Instance,
    /// Nodes.
    Node,
    /// Node groups.
    Group,
    /// Networks.
    Network,
    /// Jobs.
    Job,
}

impl Resource {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Instance => "instance",
            Self::Node => "node",
            Self::Group => "group",
            Self::Network => "network",
            Self::Job => "job",
        }
    }
}

/// A condition in Ganeti's filter language.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter(Value);

impl Filter {
    /// The field equals a text or number.
    #[must_use]
    pub fn equals(field: &str, value: impl Into<Value>) -> Self {
        Self(json!(["=", field, value.into()]))
    }

    /// The field is above a number.
    #[must_use]
    pub fn above(field: &str, value: u64) -> Self {
        Self(json!([">", field, value]))
    }

    /// The field is true.
    #[must_use]
    pub fn holds(field: &str) -> Self {
        Self(json!(["?", field]))
    }

    /// The field matches a regular expression.
    #[must_use]
    pub fn matches(field: &str, pattern: &str) -> Self {
        Self(json!(["=~", field, pattern]))
    }

    /// Not this.
    #[must_use]
    pub fn negate(self) -> Self {
        Self(json!(["!", self.0]))
    }

    /// All of them.
    #[must_use]
    pub fn all(filters: impl IntoIterator<Item = Self>) -> Self {
        Self::joined("&", filters)
    }

    /// Any of them.
    #[must_use]
    pub fn any(filters: impl IntoIterator<Item = Self>) -> Self {
        Self::joined("|", filters)
    }

    fn joined(operator: &str, filters: impl IntoIterator<Item = Self>) -> Self {
        let mut parts = vec![Value::from(operator)];
        parts.extend(filters.into_iter().map(|filter| filter.0));
        Self(Value::Array(parts))
    }
}

/// Whether a cell has its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(from = "u8")]
pub enum CellStatus {
    /// It has.
    Normal,
    /// This Ganeti doesn't know the field.
    Unknown,
    /// The value couldn't be collected.
    NoData,
    /// The field doesn't apply to this object.
    Unavailable,
    /// The node is marked offline.
    Offline,
    /// A status that this code doesn't know.
    Other,
}

impl From<u8> for CellStatus {
    fn from(number: u8) -> Self {
        match number {
            0 => Self::Normal,
            1 => Self::Unknown,
            2 => Self::NoData,
            3 => Self::Unavailable,
            4 => Self::Offline,
            _ => Self::Other,
        }
    }
}

/// One cell of a query's row, `[status, value]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "(CellStatus, Option<T>)", bound(deserialize = "T: Deserialize<'de>"))]
pub struct Cell<T> {
    /// Whether it has its value.
    pub status: CellStatus,
    /// The value; there only when the status is normal.
    pub value: Option<T>,
}

impl<T> From<(CellStatus, Option<T>)> for Cell<T> {
    fn from((status, value): (CellStatus, Option<T>)) -> Self {
        Self { status, value: value.filter(|_| status == CellStatus::Normal) }
    }
}

/// The answer of a query; `R` is a tuple of [`Cell`]s, one for each field asked for.
#[derive(Debug, Deserialize)]
#[serde(bound(deserialize = "R: DeserializeOwned"))]
pub(crate) struct QueryAnswer<R> {
    pub(crate) data: Vec<R>,
}

/// The body of a query.
pub(crate) fn query_body(fields: &[&str], filter: Option<&Filter>) -> Value {
    match filter {
        Some(filter) => json!({"fields": fields, "qfilter": filter.0}),
        None => json!({"fields": fields}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_ganetis() {
        let filter = Filter::all([
            Filter::above("id", 7),
            Filter::any([Filter::holds("archived"), Filter::holds("archived").negate()]),
            Filter::equals("status", "running"),
            Filter::matches("name", "^web"),
        ]);
        let expected = json!({"fields": ["id"], "qfilter": ["&", [">", "id", 7],
            ["|", ["?", "archived"], ["!", ["?", "archived"]]], ["=", "status", "running"], ["=~", "name", "^web"]]});
        assert_eq!(query_body(&["id"], Some(&filter)), expected);
    }

    #[test]
    fn a_cell_without_normal_status_has_no_value() {
        let cells: (Cell<u64>, Cell<String>, Cell<u64>) =
            serde_json::from_str(r#"[[0, 5], [1, null], [9, 3]]"#).unwrap();
        assert_eq!(cells.0.value, Some(5));
        assert_eq!((cells.1.status, cells.1.value), (CellStatus::Unknown, None));
        assert_eq!((cells.2.status, cells.2.value), (CellStatus::Other, None));
    }
}
