//! Objects as the wire names them.

use gwm_proto::common::ObjectRef;
use gwm_types::Object;

/// The installation, a cluster, a node group or an instance; the text says what is wrong.
pub(crate) fn parse_object(object: Option<&ObjectRef>) -> Result<Object, String> {
    let object = object.ok_or("object must be given")?;
    if object.kind == "fleet" {
        return if object.cluster_id.is_empty() && object.uuid.is_empty() {
            Ok(Object::Fleet)
        } else {
            Err("cluster_id and uuid must be empty for the fleet".to_owned())
        };
    }
    let cluster = object.cluster_id.parse().map_err(|e| format!("cluster_id: {e}"))?;
    match object.kind.as_str() {
        "cluster" if object.uuid.is_empty() => Ok(Object::Cluster(cluster)),
        "cluster" => Err("uuid must be empty for a cluster".to_owned()),
        "instance" => {
            let uuid = object.uuid.parse().map_err(|e| format!("uuid: {e}"))?;
            Ok(Object::Instance(cluster, uuid))
        }
        "node_group" => {
            let uuid = object.uuid.parse().map_err(|e| format!("uuid: {e}"))?;
            Ok(Object::NodeGroup(cluster, uuid))
        }
        _ => Err("kind must be fleet, cluster, node_group or instance".to_owned()),
    }
}

/// The same, where no object means the whole installation.
pub(crate) fn parse_object_or_fleet(object: Option<&ObjectRef>) -> Result<Object, String> {
    match object {
        None => Ok(Object::Fleet),
        Some(o) if o.kind.is_empty() && o.cluster_id.is_empty() && o.uuid.is_empty() => {
            Ok(Object::Fleet)
        }
        some => parse_object(some),
    }
}

/// As it goes over the wire.
pub(crate) fn object_ref(object: Object) -> ObjectRef {
    let uuid = match object {
        Object::Fleet | Object::Cluster(_) => String::new(),
        Object::NodeGroup(_, group) => group.to_string(),
        Object::Selector(selector) => selector.to_string(),
        Object::Instance(_, instance) => instance.to_string(),
    };
    let cluster_id = object.cluster().map(|cluster| cluster.to_string()).unwrap_or_default();
    ObjectRef { kind: object.kind().to_owned(), cluster_id, uuid }
}

#[cfg(test)]
mod tests {
    use gwm_types::{ClusterId, InstanceUuid, NodeGroupUuid};

    use super::*;

    #[test]
    fn what_is_written_is_read_again_and_halves_are_refused() {
        let (cluster, instance) = (ClusterId::generate(), InstanceUuid::generate());
        let fleet = object_ref(Object::Fleet);
        assert_eq!(parse_object(Some(&fleet)), Ok(Object::Fleet));
        assert!(parse_object(Some(&ObjectRef { uuid: instance.to_string(), ..fleet })).is_err());
        let whole = object_ref(Object::Cluster(cluster));
        assert_eq!(parse_object(Some(&whole)), Ok(Object::Cluster(cluster)));
        let group = object_ref(Object::NodeGroup(cluster, NodeGroupUuid(instance.0)));
        assert_eq!(group.kind, "node_group");
        assert_eq!(parse_object(Some(&group)).map(object_ref), Ok(group));
        let one = object_ref(Object::Instance(cluster, instance));
        assert_eq!(parse_object(Some(&one)), Ok(Object::Instance(cluster, instance)));
        assert!(parse_object(None).is_err());
        assert!(parse_object(Some(&ObjectRef { kind: "node".to_owned(), ..one.clone() })).is_err());
        assert!(parse_object(Some(&ObjectRef { uuid: "../x".to_owned(), ..one })).is_err());
        let named = ObjectRef { uuid: instance.to_string(), ..whole };
        assert!(parse_object(Some(&named)).is_err());
        assert_eq!(parse_object_or_fleet(Some(&ObjectRef::default())), Ok(Object::Fleet));
    }
}
