//! Parameters of a new instance (`CreateInstance` in the README).

use std::collections::BTreeMap;
use std::net::IpAddr;

use gwm_rapi::{CreateInstance, NewBeParams, NewDisk, NewNic};
use gwm_types::{ObjectName, Permission, PermissionSet};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::OwnerTag;
use super::fields::{Fields, Invalid};
use crate::domain::Sizes;

/// 16 TiB of memory, 1 PiB of disk: above is a slip of the finger.
const MOST_MEMORY_MIB: u64 = 16 << 20;
const MOST_DISK_MIB: u64 = 1 << 30;
const MOST_VCPUS: u64 = 1024;
/// Ganeti's own limits.
const MOST_DISKS: usize = 16;
const MOST_NICS: usize = 8;
const MOST_TAGS: usize = 64;
const MOST_HVPARAMS: usize = 64;

/// Those with disks on which Ganeti makes volumes by itself.
const TEMPLATES: [&str; 8] =
    ["diskless", "drbd", "plain", "file", "sharedfile", "rbd", "ext", "gluster"];

/// A new instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Create {
    os: String,
    hypervisor: Option<String>,
    disk_template: String,
    disks: Vec<DiskSpec>,
    minmem: Option<u64>,
    maxmem: Option<u64>,
    vcpus: Option<u64>,
    nics: Vec<NicSpec>,
    pnode: Option<String>,
    snode: Option<String>,
    iallocator: Option<String>,
    node_group: Option<String>,
    start: bool,
    name_check: bool,
    ip_check: bool,
    tags: Vec<String>,
    hvparams: BTreeMap<String, Value>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct DiskSpec {
    size_mib: u64,
    provider: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct NicSpec {
    mode: Option<String>,
    link: Option<String>,
    network: Option<String>,
    ip: Option<String>,
    mac: Option<String>,
}

impl Create {
    pub(super) fn read(fields: &mut Fields) -> Result<Self, Invalid> {
        // Their values are the guest's secrets; they come with sealed storage.
        for secret in ["osparams", "osparams_private", "osparams_secret"] {
            if fields.object(secret)?.is_some_and(|mut o| !o.drain().is_empty()) {
                return Err(fields.invalid(secret, "OS parameters can't be given yet"));
            }
        }
        let (minmem, maxmem) = memory(fields)?;
        let create = Self {
            os: required(fields, "os", "+._-")?,
            hypervisor: fields.word("hypervisor", "_-")?,
            disk_template: required(fields, "disk_template", "")?,
            disks: disks(fields)?,
            minmem,
            maxmem,
            vcpus: fields.integer("vcpus", 1..=MOST_VCPUS)?,
            nics: fields
                .objects("nics", MOST_NICS)?
                .into_iter()
                .map(nic)
                .collect::<Result<_, _>>()?,
            pnode: node(fields, "pnode")?,
            snode: node(fields, "snode")?,
            iallocator: fields.word("iallocator", "_.-")?,
            node_group: fields.word("node_group", "_.-")?,
            start: fields.flag("start")?.unwrap_or(true),
            name_check: fields.flag("name_check")?.unwrap_or_default(),
            ip_check: fields.flag("ip_check")?.unwrap_or_default(),
            tags: tags(fields)?,
            hvparams: hvparams(fields)?,
        };
        create.check(fields)?;
        Ok(create)
    }

    /// What concerns several fields.
    fn check(&self, fields: &Fields) -> Result<(), Invalid> {
        if !TEMPLATES.contains(&self.disk_template.as_str()) {
            let rule = format!("is one of {}", TEMPLATES.join(", "));
            return Err(fields.invalid("disk_template", rule));
        }
        match (self.disk_template.as_str(), self.disks.is_empty()) {
            ("diskless", false) => {
                return Err(fields.invalid("disks", "a diskless instance has no disks"));
            }
            ("diskless", true) | (_, false) => {}
            (_, true) => return Err(fields.invalid("disks", "needs at least one disk")),
        }
        if self.pnode.is_some() && self.iallocator.is_some() {
            return Err(fields.invalid("iallocator", "give either an allocator or nodes"));
        }
        if self.snode.is_some() && self.pnode.is_none() {
            return Err(fields.invalid("snode", "needs a primary node (pnode) too"));
        }
        if self.snode.is_some() && self.snode == self.pnode {
            return Err(fields.invalid("snode", "must be another node than pnode"));
        }
        if self.ip_check && !self.name_check {
            return Err(fields.invalid("ip_check", "needs name_check too"));
        }
        Ok(())
    }

    /// What of it takes more than `create_vm` on the cluster: the field, and the permission it needs. Where things
    /// run is not for those who don't see it; and a kernel's path, a bridge or somebody's address can reach
    /// other people's machines.
    pub(crate) fn beyond(&self, held: PermissionSet) -> Option<(&'static str, Permission)> {
        let placed = [
            ("pnode", self.pnode.is_some()),
            ("snode", self.snode.is_some()),
            ("node_group", self.node_group.is_some()),
            ("iallocator", self.iallocator.is_some()),
            ("disks", self.disks.iter().any(|disk| disk.provider.is_some())),
            ("nics", self.nics.iter().any(|nic| nic.link.is_some() || nic.mode.is_some())),
        ]
        .map(|(field, given)| (field, given, Permission::ViewPlacement));
        let trusted = [
            ("hvparams", !self.hvparams.is_empty()),
            ("nics", self.nics.iter().any(|nic| nic.mac.is_some())),
            ("tags", self.tags.iter().any(|tag| tag.starts_with("gwm:"))),
        ]
        .map(|(field, given)| (field, given, Permission::Admin));
        placed
            .into_iter()
            .chain(trusted)
            .find(|(_, given, needs)| *given && !held.contains(*needs))
            .map(|(field, _, needs)| (field, needs))
    }

    /// What the instance will have; what is not given is the cluster's default.
    pub(crate) fn sizes(&self, default_memory_mib: u64, default_vcpus: u64) -> Sizes {
        Sizes {
            memory_mib: self.maxmem.unwrap_or(default_memory_mib),
            vcpus: self.vcpus.unwrap_or(default_vcpus),
            disk_mib: self.disks.iter().map(|disk| disk.size_mib).sum(),
            admin_up: self.start,
            revision: 0,
        }
    }

    /// The body for RAPI.
    pub(crate) fn request(&self, name: &str) -> CreateInstance {
        let mut request = CreateInstance::new(name, self.disk_template.as_str());
        let disk = |disk: &DiskSpec| NewDisk {
            size: disk.size_mib,
            provider: disk.provider.clone(),
            ..NewDisk::default()
        };
        let nic = |nic: &NicSpec| NewNic {
            ip: nic.ip.clone(),
            mac: nic.mac.clone(),
            mode: nic.mode.clone(),
            link: nic.link.clone(),
            network: nic.network.clone(),
            ..NewNic::default()
        };
        request.disks = self.disks.iter().map(disk).collect();
        request.nics = self.nics.iter().map(nic).collect();
        request.os_type = Some(self.os.clone());
        request.pnode.clone_from(&self.pnode);
        request.snode.clone_from(&self.snode);
        request.iallocator.clone_from(&self.iallocator);
        request.group_name.clone_from(&self.node_group);
        request.hypervisor.clone_from(&self.hypervisor);
        request.hvparams = self.hvparams.clone();
        request.beparams = NewBeParams {
            minmem: self.minmem,
            maxmem: self.maxmem,
            vcpus: self.vcpus,
            auto_balance: None,
        };
        request.name_check = self.name_check;
        request.ip_check = self.ip_check;
        request.start = self.start;
        request.tags.clone_from(&self.tags);
        request
    }
}

fn required(fields: &mut Fields, name: &str, also: &str) -> Result<String, Invalid> {
    fields.word(name, also)?.ok_or_else(|| fields.invalid(name, "is needed"))
}

fn node(fields: &mut Fields, name: &str) -> Result<Option<String>, Invalid> {
    let Some(text) = fields.text(name, 253)? else { return Ok(None) };
    match text.parse::<ObjectName>() {
        Ok(node) => Ok(Some(node.into())),
        Err(error) => Err(fields.invalid(name, error.to_string())),
    }
}

/// `memory_mib` is both limits; `beparams` may name them one by one.
fn memory(fields: &mut Fields) -> Result<(Option<u64>, Option<u64>), Invalid> {
    let range = 1..=MOST_MEMORY_MIB;
    let both = fields.integer("memory_mib", range.clone())?;
    let (mut minmem, mut maxmem) = (both, both);
    if let Some(mut be) = fields.object("beparams")? {
        minmem = be.integer("minmem", range.clone())?.or(minmem);
        maxmem = be.integer("maxmem", range)?.or(maxmem);
        if minmem > maxmem && maxmem.is_some() {
            return Err(be.invalid("minmem", "must not be above maxmem"));
        }
        be.finish()?;
    }
    Ok((minmem, maxmem))
}

fn disks(fields: &mut Fields) -> Result<Vec<DiskSpec>, Invalid> {
    let read = |mut disk: Fields| {
        let size = disk.integer("size_mib", 1..=MOST_DISK_MIB)?;
        let size_mib = size.ok_or_else(|| disk.invalid("size_mib", "is needed"))?;
        let provider = disk.word("provider", "_-")?;
        disk.finish()?;
        Ok(DiskSpec { size_mib, provider })
    };
    fields.objects("disks", MOST_DISKS)?.into_iter().map(read).collect()
}

fn nic(mut nic: Fields) -> Result<NicSpec, Invalid> {
    let mode = nic.word("mode", "")?;
    if mode.as_deref().is_some_and(|m| !["bridged", "routed", "openvswitch", "pool"].contains(&m)) {
        return Err(nic.invalid("mode", "is bridged, routed, openvswitch or pool"));
    }
    let ip = nic.text("ip", 64)?;
    if ip.as_deref().is_some_and(|ip| ip != "pool" && ip.parse::<IpAddr>().is_err()) {
        return Err(nic.invalid("ip", "is an address, or pool to take one from the network"));
    }
    let mac = nic.text("mac", 17)?;
    if mac.as_deref().is_some_and(|mac| !is_mac(mac)) {
        return Err(nic.invalid("mac", "is auto, or six hex pairs joined by :"));
    }
    let spec = NicSpec {
        mode,
        link: nic.word("link", "_.:-")?,
        network: nic.word("network", "_.-")?,
        ip,
        mac,
    };
    nic.finish()?;
    Ok(spec)
}

fn is_mac(text: &str) -> bool {
    let pair = |pair: &str| pair.len() == 2 && pair.bytes().all(|b| b.is_ascii_hexdigit());
    text == "auto" || (text.split(':').count() == 6 && text.split(':').all(pair))
}

fn tags(fields: &mut Fields) -> Result<Vec<String>, Invalid> {
    let valid = |tag: &str| {
        (1..=128).contains(&tag.len())
            && tag.chars().all(|c| c.is_ascii_alphanumeric() || "_.+*/:@-".contains(c))
    };
    let given = fields.list("tags", MOST_TAGS)?;
    let read = |tag: Value| match tag {
        Value::String(tag) if valid(&tag) => Ok(tag),
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => {
            let rule = "a tag is a text of 1 to 128 of the characters A-Z a-z 0-9 _ . + * / : @ -";
            Err(fields.invalid("tags", rule))
        }
    };
    let tags: Vec<String> = given.into_iter().map(read).collect::<Result<_, _>>()?;
    match tags.iter().find(|tag| OwnerTag::is_reserved(tag)) {
        Some(tag) => {
            let text = format!("{tag} would say who owns it: gwm alone writes such tags");
            Err(fields.invalid("tags", text))
        }
        None => Ok(tags),
    }
}

/// Every key is passed on: only an administrator may create, and may set kernels, paths and VNC on
/// Ganeti's command line as well. Whoever may create later gets an allow-list.
fn hvparams(fields: &mut Fields) -> Result<BTreeMap<String, Value>, Invalid> {
    let Some(mut given) = fields.object("hvparams")? else { return Ok(BTreeMap::new()) };
    let all = given.drain();
    if all.len() > MOST_HVPARAMS {
        return Err(fields.invalid("hvparams", format!("has at most {MOST_HVPARAMS} entries")));
    }
    let mut read = BTreeMap::new();
    for (key, value) in all {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if !(1..=64).contains(&key.len()) || !key.chars().all(plain) {
            let shown: String = key.chars().take(64).collect();
            return Err(given.invalid(&shown, "is no name of a hypervisor parameter"));
        }
        let value = match value {
            Value::String(text) if text.len() <= 1024 && !text.chars().any(char::is_control) => {
                Value::String(text)
            }
            Value::Bool(flag) => Value::Bool(flag),
            Value::Number(number) => integral(number),
            Value::Null | Value::String(_) | Value::Array(_) | Value::Object(_) => {
                return Err(given.invalid(&key, "is a short text, a number, true or false"));
            }
        };
        read.insert(key, value);
    }
    Ok(read)
}

/// Ganeti wants integers where protobuf gives `2.0`.
#[expect(clippy::cast_possible_truncation, reason = "checked to be whole and below 2^53")]
fn integral(number: serde_json::Number) -> Value {
    match number.as_f64() {
        Some(float) if float.fract() == 0.0 && float.abs() < 9_007_199_254_740_992.0 => {
            Value::from(float as i64)
        }
        _ => Value::Number(number),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(given: Value) -> Result<Create, Invalid> {
        let Value::Object(given) = given else { panic!("an object") };
        let mut fields = Fields::new("parameters", given);
        let create = Create::read(&mut fields)?;
        fields.finish()?;
        Ok(create)
    }

    fn with(key: &str, value: Value) -> Value {
        let mut base = json!({
            "os": "noop+default", "disk_template": "drbd", "disks": [{"size_mib": 1024.0}],
            "memory_mib": 512, "vcpus": 2, "nics": [{"mode": "bridged", "link": "br0"}],
        });
        base[key] = value;
        base
    }

    #[test]
    fn a_full_request_becomes_ganetis_body() {
        let create = read(with("hvparams", json!({"vnc_bind_address": "0.0.0.0", "cpus": 2.0})));
        let body = serde_json::to_value(create.unwrap().request("web1.example.com")).unwrap();
        assert_eq!(body["disks"], json!([{"size": 1024}]));
        assert_eq!(body["beparams"], json!({"minmem": 512, "maxmem": 512, "vcpus": 2}));
        assert_eq!(body["nics"], json!([{"mode": "bridged", "link": "br0"}]));
        assert_eq!(body["hvparams"], json!({"vnc_bind_address": "0.0.0.0", "cpus": 2}));
        assert_eq!(body["name_check"], json!(false));
        assert_eq!(body["__version__"], json!(1));
    }

    #[test]
    fn each_fault_is_named_with_its_path() {
        for (key, value, field) in [
            ("disks", json!([{"size_mib": 0}]), "parameters.disks[0].size_mib"),
            ("disks", json!([{"size_mib": 1, "path": "/dev/sda"}]), "parameters.disks[0].path"),
            ("disks", json!([]), "parameters.disks"),
            ("nics", json!([{"mac": "x"}]), "parameters.nics[0].mac"),
            ("nics", json!([{"ip": "1.2.3"}]), "parameters.nics[0].ip"),
            ("nics", json!([{"mode": "magic"}]), "parameters.nics[0].mode"),
            ("disk_template", json!("blockdev"), "parameters.disk_template"),
            ("os", json!("../x"), "parameters.os"),
            ("pnode", json!("a/b"), "parameters.pnode"),
            ("tags", json!(["a b"]), "parameters.tags"),
            ("tags", json!(["gwm:lab:owner:user/carla"]), "parameters.tags"),
            ("osparams", json!({"password": "x"}), "parameters.osparams"),
            ("beparams", json!({"minmem": 1024}), "parameters.beparams.minmem"),
            ("hvparams", json!({"a": [1]}), "parameters.hvparams.a"),
            ("hvparams", json!({"a b": 1}), "parameters.hvparams.a b"),
            ("snode", json!("n2"), "parameters.snode"),
            ("no_such", json!(1), "parameters.no_such"),
        ] {
            let invalid = read(with(key, value.clone())).unwrap_err();
            assert_eq!(invalid.field, field, "{key}={value}: {invalid}");
        }
    }

    #[test]
    fn a_refused_os_parameter_is_not_repeated() {
        let invalid = read(with("osparams", json!({"password": "hunter2"}))).unwrap_err();
        assert!(!invalid.to_string().contains("hunter2"));
    }
}
