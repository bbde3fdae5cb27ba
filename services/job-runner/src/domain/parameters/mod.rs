//! What was asked for, checked strictly: an unknown parameter is refused by name.

mod create;
mod fields;
mod owner_tag;
mod power;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub(crate) use create::Create;
use fields::Fields;
pub(crate) use fields::Invalid;
pub(crate) use owner_tag::OwnerTag;
pub(crate) use power::{Reboot, Shutdown, Startup};

use super::Kind;

/// The parameters of a job; stored as JSON. They hold no secret: OS parameters are refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(crate) enum Parameters {
    Create(Box<Create>),
    Startup(Startup),
    Shutdown(Shutdown),
    Reboot(Reboot),
    Remove,
    #[serde(rename = "owner_tag")]
    OwnerTag(OwnerTag),
}

impl Parameters {
    /// Reads what came over the wire.
    pub(crate) fn read(kind: Kind, given: Map<String, Value>) -> Result<Self, Invalid> {
        let mut fields = Fields::new("parameters", given);
        let parameters = match kind {
            Kind::Create => Self::Create(Box::new(Create::read(&mut fields)?)),
            Kind::Startup => Self::Startup(Startup::read(&mut fields)?),
            Kind::Shutdown => Self::Shutdown(Shutdown::read(&mut fields)?),
            Kind::Reboot => Self::Reboot(Reboot::read(&mut fields)?),
            Kind::Remove => Self::Remove,
            Kind::OwnerTag => return Err(fields.invalid("kind", "can't be asked for")),
        };
        fields.finish()?;
        Ok(parameters)
    }
}

#[cfg(test)]
mod tests {
    use gwm_types::{Permission, PermissionSet};
    use serde_json::json;

    use super::*;

    fn read(kind: Kind, given: Value) -> Result<Parameters, Invalid> {
        let Value::Object(given) = given else { panic!("an object") };
        Parameters::read(kind, given)
    }

    #[test]
    fn an_unknown_parameter_is_refused_by_name() {
        for kind in [Kind::Startup, Kind::Shutdown, Kind::Reboot, Kind::Remove] {
            let invalid = read(kind, json!({"dry-run": true})).unwrap_err();
            assert_eq!(invalid.field, "parameters.dry-run", "{kind}");
        }
    }

    #[test]
    fn power_parameters_are_read_and_bounded() {
        let shutdown = read(Kind::Shutdown, json!({"timeout": 30.0, "force": true})).unwrap();
        let expected = Shutdown { timeout: Some(30), force: true, no_remember: false };
        assert_eq!(shutdown, Parameters::Shutdown(expected));
        for bad in [json!({"timeout": -1}), json!({"timeout": 1.5}), json!({"timeout": "30"})] {
            assert_eq!(read(Kind::Shutdown, bad).unwrap_err().field, "parameters.timeout");
        }
        assert_eq!(
            read(Kind::Reboot, json!({"type": "warm"})).unwrap_err().field,
            "parameters.type"
        );
    }

    #[test]
    fn what_reaches_beyond_ones_own_machine_takes_more_than_creating() {
        let with = |extra: Value| {
            let mut given = json!({"os": "noop", "disk_template": "diskless", "memory_mib": 128});
            given.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            let Parameters::Create(create) = read(Kind::Create, given).unwrap() else { panic!() };
            create
        };
        let creates = Permission::CreateVm.closure();
        let places = creates.and(Permission::ViewPlacement.closure());
        assert_eq!(with(json!({"nics": [{"network": "n"}], "tags": ["a"]})).beyond(creates), None);
        for (field, extra) in [
            ("pnode", json!({"pnode": "node1"})),
            ("node_group", json!({"node_group": "g"})),
            ("iallocator", json!({"iallocator": "hail"})),
            ("nics", json!({"nics": [{"link": "br9"}]})),
        ] {
            let create = with(extra);
            assert_eq!(create.beyond(creates), Some((field, Permission::ViewPlacement)));
            assert_eq!(create.beyond(places), None, "{field}");
        }
        for (field, extra) in [
            ("hvparams", json!({"hvparams": {"kernel_path": "/etc/shadow"}})),
            ("nics", json!({"nics": [{"mac": "aa:00:00:00:00:01"}]})),
            ("tags", json!({"tags": ["gwm:access:shop"]})),
        ] {
            let create = with(extra);
            assert_eq!(create.beyond(places), Some((field, Permission::Admin)));
            assert_eq!(create.beyond(PermissionSet::ALL), None, "{field}");
        }
    }

    #[test]
    fn what_is_stored_reads_back() {
        let create = read(
            Kind::Create,
            json!({"os": "noop+default", "disk_template": "diskless", "memory_mib": 128}),
        )
        .unwrap();
        let stored = serde_json::to_value(&create).unwrap();
        assert_eq!(serde_json::from_value::<Parameters>(stored).unwrap(), create);
    }
}
