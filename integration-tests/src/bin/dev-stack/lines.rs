//! An event as one line.

use serde_json::Value;

/// `20:14:03  fra1/instance/web1.example.org  instance.status_changed  status: … → …  by admin`.
pub(crate) fn line(event: &Value) -> String {
    let text = |field: &str| event[field].as_str().unwrap_or_default();
    let clock = text("time").get(11..19).unwrap_or("--:--:--");
    let what = text("type").trim_start_matches("org.ganeti.gwm.").trim_end_matches(".v1");
    let data = &event["data"];
    let mut line = format!("{clock}  {what:<28} {}", text("subject"));
    let changed = data["changed"].as_object().into_iter().flatten();
    for (field, before) in changed.take(3) {
        line += &format!("  {field}: {} → {}", short(before), short(&data["object"][field]));
    }
    if let Some(who) = data["actor"]["username"].as_str() {
        line += &format!("  by {who}");
    }
    line
}

fn short(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
