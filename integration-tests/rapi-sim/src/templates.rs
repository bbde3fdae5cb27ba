//! Recorded pieces of a real cluster (Ganeti 3.0.2) that answers are built from.

use std::sync::LazyLock;

use serde_json::Value;

fn parse(text: &str) -> Value {
    serde_json::from_str(text).expect("embedded template is JSON")
}

static INFO: LazyLock<Value> = LazyLock::new(|| parse(include_str!("data/info.json")));
static KVM: LazyLock<Value> = LazyLock::new(|| parse(include_str!("data/kvm-hvparams.json")));

/// The recorded `/2/info`.
#[must_use]
pub(crate) fn info() -> &'static Value {
    &INFO
}

/// All hypervisor parameters of a kvm instance with their defaults.
#[must_use]
pub(crate) fn kvm_hvparams() -> &'static Value {
    &KVM
}

/// Recorded field definitions of a query resource.
#[must_use]
pub(crate) fn fields(resource: &str) -> Option<&'static [Value]> {
    macro_rules! definitions {
        ($name:literal) => {{
            static PARSED: LazyLock<Value> =
                LazyLock::new(|| parse(include_str!(concat!("data/fields-", $name, ".json"))));
            PARSED.as_array().map(Vec::as_slice)
        }};
    }
    match resource {
        "instance" => definitions!("instance"),
        "node" => definitions!("node"),
        "group" => definitions!("group"),
        "network" => definitions!("network"),
        "job" => definitions!("job"),
        "lock" => definitions!("lock"),
        "filter" => definitions!("filter"),
        "export" => definitions!("export"),
        _ => None,
    }
}
