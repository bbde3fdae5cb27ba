//! What Ganeti says of an object beyond what has a column, kept as it was said.

use serde_json::value::RawValue;
use serde_json::{Map, Value};
use sqlx::types::Json;

/// A JSON object as Ganeti wrote it.
pub(crate) type Said = Json<Box<RawValue>>;

/// The text as it is; `{}` where it is no JSON.
pub(crate) fn said(json: &str) -> Said {
    Json(RawValue::from_string(json.to_owned()).unwrap_or_else(|_| nothing()))
}

/// Nothing said.
pub(crate) fn nothing() -> Box<RawValue> {
    RawValue::from_string("{}".to_owned()).expect("{} is JSON")
}

/// The object without some of its fields.
pub(crate) fn without(json: &str, fields: &[&str]) -> Said {
    let mut object = fields_of(json);
    object.retain(|name, _| !fields.contains(&name.as_str()));
    said(&Value::Object(object).to_string())
}

/// The fields of a JSON object; none if it is something else.
pub(crate) fn fields_of(json: &str) -> Map<String, Value> {
    serde_json::from_str(json).unwrap_or_default()
}

/// `/2/info` as it is kept. Values of OS parameters may be passwords of guests (DESIGN.md rule 10): of
/// them only OS and name are.
pub(crate) fn without_os_parameters(info: &str) -> Said {
    let mut object = fields_of(info);
    for (name, value) in &mut object {
        if name.starts_with("osparams") {
            let oses = value.as_object().cloned().unwrap_or_default();
            let names = |params: &Value| {
                params
                    .as_object()
                    .map(|p| p.keys().cloned().collect::<Vec<_>>())
                    .unwrap_or_default()
            };
            *value =
                oses.iter().map(|(os, params)| (os.clone(), Value::from(names(params)))).collect();
        }
    }
    said(&Value::Object(object).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_os_parameters_only_names_are_kept() {
        let info = r#"{"name": "a", "osparams": {"noop": {"root_password": "hunter2"}},
            "osparams_private_cluster": {"noop": {"key": "hunter3"}}}"#;
        let kept = without_os_parameters(info);
        assert!(!kept.get().contains("hunter"), "{}", kept.get());
        let kept = fields_of(kept.get());
        assert_eq!(kept["osparams"]["noop"][0], "root_password");
        assert_eq!(kept["osparams_private_cluster"]["noop"][0], "key");
    }
}
