//! Where an instance breaks the instance policy of its node group, as Ganeti checks it when one is made.

use serde_json::Value;

use super::InstanceRecord;

/// A figure of an instance with its name in policies.
struct Figure {
    spec: &'static str,
    what: String,
    value: u64,
    unit: &'static str,
}

/// In words; empty: it keeps to the policy.
pub(crate) fn violations(instance: &InstanceRecord, ipolicy: &Value) -> Vec<String> {
    let mut out = Vec::new();
    let figures = figures(instance);
    // It need fit into one of the ranges only; of those that it doesn't, the nearest is told.
    let ranges = ipolicy.get("minmax").and_then(Value::as_array).cloned().unwrap_or_default();
    let nearest = ranges.iter().map(|range| outside(&figures, range)).min_by_key(Vec::len);
    out.extend(nearest.unwrap_or_default());
    let allowed = ipolicy.get("disk-templates").and_then(Value::as_array);
    if let Some(allowed) = allowed
        && !instance.disk_template.is_empty()
        && !allowed.iter().any(|t| t.as_str() == Some(&instance.disk_template))
    {
        let names: Vec<&str> = allowed.iter().filter_map(Value::as_str).collect();
        let template = &instance.disk_template;
        out.push(format!(
            "disk template {template} is not allowed here, only {}",
            names.join(", ")
        ));
    }
    out
}

/// More virtual CPUs on a node than its node group allows for each of its CPUs.
pub(crate) fn cpu_ratio(vcpus: u64, cpus: Option<u64>, ipolicy: &Value) -> Option<String> {
    let (ratio, cpus) = (ipolicy.get("vcpu-ratio")?.as_f64()?, cpus?);
    #[expect(clippy::cast_precision_loss, reason = "counts of CPUs are small")]
    let (given, most) = (vcpus as f64, ratio * cpus as f64);
    (given > most).then(|| {
        format!("{vcpus} virtual CPUs on {cpus} CPUs are more than {ratio} for each (vcpu-ratio)")
    })
}

fn figures(instance: &InstanceRecord) -> Vec<Figure> {
    let figure =
        |spec, what: &str, value, unit| Figure { spec, what: what.to_owned(), value, unit };
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    let be = super::said::fields_of(instance.beparams.get());
    let be = |name: &str| be.get(name).and_then(Value::as_u64);
    let mut out = Vec::new();
    out.extend(be("maxmem").map(|v| figure("memory-size", "memory", v, " MiB")));
    out.extend(be("vcpus").map(|v| figure("cpu-count", "virtual CPUs", v, "")));
    out.extend(be("spindle_use").map(|v| figure("spindle-use", "spindle_use", v, "")));
    out.push(figure("disk-count", "number of disks", count(instance.disks.len()), ""));
    out.push(figure("nic-count", "number of NICs", count(instance.nics.len()), ""));
    for (number, disk) in instance.disks.iter().enumerate() {
        let what = format!("size of disk {number}");
        out.extend(disk.size_mib.map(|v| figure("disk-size", &what, v, " MiB")));
    }
    out
}

fn outside(figures: &[Figure], range: &Value) -> Vec<String> {
    let bound = |end: &str, spec: &str| range.get(end)?.get(spec)?.as_u64();
    let mut out = Vec::new();
    for Figure { spec, what, value, unit } in figures {
        if let Some(least) = bound("min", spec).filter(|least| value < least) {
            out.push(format!("{what}: {value}{unit} is less than {least}{unit} ({spec})"));
        }
        if let Some(most) = bound("max", spec).filter(|most| value > most) {
            out.push(format!("{what}: {value}{unit} is more than {most}{unit} ({spec})"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use serde_json::json;

    use super::*;

    fn instance() -> InstanceRecord {
        let json = r#"{"uuid": "9d6a8a4e-9a52-4cbf-9f0f-3f1c6f9c2a11", "name": "w",
            "disk_template": "plain", "disk.sizes": [100, 5000],
            "beparams": {"maxmem": 512, "vcpus": 4, "spindle_use": 1}}"#;
        InstanceRecord::of(&serde_json::from_str(json).unwrap(), 0, DateTime::UNIX_EPOCH)
    }

    #[test]
    fn each_figure_outside_is_named_with_its_bound() {
        let policy = json!({"disk-templates": ["drbd"], "minmax": [{
            "min": {"memory-size": 1024, "nic-count": 1}, "max": {"cpu-count": 2, "disk-size": 1000}}]});
        let found = violations(&instance(), &policy);
        assert_eq!(found.len(), 5, "{found:?}");
        assert_eq!(found[0], "memory: 512 MiB is less than 1024 MiB (memory-size)");
        assert!(found.iter().any(|f| f.starts_with("size of disk 1: 5000 MiB")), "{found:?}");
        assert!(found[4].contains("plain is not allowed here, only drbd"));
    }

    #[test]
    fn one_range_that_fits_is_enough() {
        let policy = json!({"minmax": [{"max": {"cpu-count": 2}}, {"min": {"cpu-count": 4}}]});
        assert!(violations(&instance(), &policy).is_empty());
        assert!(violations(&instance(), &json!({})).is_empty());
    }

    #[test]
    fn the_ratio_is_of_the_node() {
        let policy = json!({"vcpu-ratio": 2.0});
        assert!(cpu_ratio(8, Some(4), &policy).is_none());
        assert!(cpu_ratio(9, Some(4), &policy).is_some());
        assert!(cpu_ratio(9, None, &policy).is_none());
    }
}
