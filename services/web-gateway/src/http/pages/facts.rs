//! What Ganeti says, in Ganeti's words, as tables: each value with the name by which it is said.

use chrono::{DateTime, Utc};
use gwm_proto::cache;
use serde_json::{Map, Value};

use crate::http::model;
use crate::http::views::parts::{Parameter, ParameterGroup};
use crate::http::views::text;

/// A value in words; lists of plain values in one line.
pub(crate) fn words(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(words).collect::<Vec<_>>().join(", "),
        Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

/// One line a value: objects and lists of objects are gone into, `minmax.0.min.cpu-count`.
fn lines(out: &mut Vec<Parameter>, path: &str, shown: &str, value: &Value) {
    let under = |name: &str| {
        let join = |before: &str| {
            if before.is_empty() { name.to_owned() } else { format!("{before}.{name}") }
        };
        (join(path), join(shown))
    };
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, value) in fields {
                let (path, shown) = under(name);
                lines(out, &path, &shown, value);
            }
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            for (number, value) in items.iter().enumerate() {
                let (path, shown) = under(&number.to_string());
                lines(out, &path, &shown, value);
            }
        }
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => {
            let value = if value.is_object() { "none".to_owned() } else { words(value) };
            let (name, field) = (shown.to_owned(), path.to_owned());
            out.push(Parameter { name, value, origin: String::new(), field });
        }
    }
}

/// A table of all that is within `field`.
pub(crate) fn group(title: &str, field: &str, value: &Value) -> ParameterGroup {
    let mut parameters = Vec::new();
    lines(&mut parameters, field, "", value);
    // An empty one is said as well.
    for parameter in parameters.iter_mut().filter(|p| p.name.is_empty()) {
        "–".clone_into(&mut parameter.name);
    }
    ParameterGroup { title: title.to_owned(), parameters, folded: false }
}

/// A table of the fields that stand nowhere else on the page; times as times.
pub(crate) fn rest(said: &Map<String, Value>, but: &[&str]) -> ParameterGroup {
    let mut parameters = Vec::new();
    for (name, value) in said.iter().filter(|(name, _)| !but.contains(&name.as_str())) {
        match (name.as_str(), moment(value)) {
            ("ctime" | "mtime", Some(at)) => parameters.push(Parameter {
                name: name.clone(),
                value: text::exact(at),
                origin: String::new(),
                field: name.clone(),
            }),
            _ => lines(&mut parameters, name, name, value),
        }
    }
    ParameterGroup { title: "What else Ganeti says".to_owned(), parameters, folded: false }
}

/// Seconds with a fraction; 0 is Ganeti's "not known".
fn moment(value: &Value) -> Option<DateTime<Utc>> {
    let seconds = value.as_f64().filter(|s| *s > 0.0 && *s < 9e9)?;
    #[expect(clippy::cast_possible_truncation, reason = "bounded just before")]
    DateTime::from_timestamp(seconds as i64, 0)
}

/// Parameters with their origins: one table a kind.
pub(crate) fn parameters(wire: Vec<cache::Parameter>) -> Vec<ParameterGroup> {
    let mut groups: Vec<ParameterGroup> = Vec::new();
    for parameter in model::parameters(wire) {
        let title = title(&parameter.kind, parameter.part.as_deref());
        let known = groups.iter().position(|group| group.title == title);
        let place = known.unwrap_or_else(|| {
            let folded = parameter.kind == "diskparams";
            groups.push(ParameterGroup { title, parameters: Vec::new(), folded });
            groups.len() - 1
        });
        let field: Vec<&str> =
            [Some(parameter.kind.as_str()), parameter.part.as_deref(), Some(&parameter.name)]
                .into_iter()
                .flatten()
                .collect();
        let origin = match parameter.origin.as_deref() {
            Some("instance" | "node") => "set here",
            Some("os") => "OS",
            Some("node_group") => "node group",
            Some("cluster") => "cluster",
            _ => "",
        };
        let mut found = Vec::new();
        if parameter.kind == "osparams" {
            found.push(Parameter {
                name: parameter.name.clone(),
                value: "not read: it may be a password".to_owned(),
                origin: String::new(),
                field: field.join("."),
            });
        } else {
            lines(&mut found, &field.join("."), &parameter.name, &parameter.value);
        }
        groups[place].parameters.extend(
            found.into_iter().map(|found| Parameter { origin: origin.to_owned(), ..found }),
        );
    }
    groups
}

fn title(kind: &str, part: Option<&str>) -> String {
    let title = match kind {
        "hvparams" => "Hypervisor (hvparams)",
        "beparams" => "Backend (beparams)",
        "nicparams" => "Network interface",
        "osparams" => "OS (osparams)",
        "ndparams" => "Node (ndparams)",
        "ipolicy" => "Instance policy (ipolicy)",
        "diskparams" => "Disk template",
        other => other,
    };
    match (kind, part) {
        (_, None) => title.to_owned(),
        ("nicparams" | "diskparams", Some(part)) => format!("{title} {part} ({kind})"),
        (_, Some(part)) => format!("{title} {part}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_value_has_a_line_with_its_path() {
        let value =
            json!({"minmax": [{"min": {"cpu-count": 1}}], "std": {}, "templates": ["a", "b"]});
        let group = group("Policy", "ipolicy", &value);
        let lines: Vec<_> = group
            .parameters
            .iter()
            .map(|p| (p.field.as_str(), p.name.as_str(), p.value.as_str()))
            .collect();
        let expected = [
            ("ipolicy.minmax.0.min.cpu-count", "minmax.0.min.cpu-count", "1"),
            ("ipolicy.std", "std", "none"),
            ("ipolicy.templates", "templates", "a, b"),
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn times_are_times_and_an_unknown_one_is_not_1970() {
        let said = json!({"ctime": 1_795_366_955.25, "mtime": 0, "uuid": "u"});
        let rest = rest(said.as_object().unwrap(), &["uuid"]);
        assert_eq!(rest.parameters[0].value, "2026-11-22T17:02:35Z");
        assert_eq!(rest.parameters.len(), 2);
        assert_eq!(rest.parameters[1].value, "0");
    }
}
