//! Objects as the wire names them.

use gwm_proto::common::ObjectRef;
use gwm_types::{ClusterId, InstanceUuid, Object};

/// A cluster or an instance; the text says what is wrong.
pub(crate) fn parse_object(object: Option<&ObjectRef>) -> Result<Object, String> {
    let object = object.ok_or("object must be given")?;
    let cluster = object.cluster_id.parse().map_err(|e| format!("cluster_id: {e}"))?;
    match object.kind.as_str() {
        "cluster" if object.uuid.is_empty() => Ok(Object::Cluster(cluster)),
        "cluster" => Err("uuid must be empty for a cluster".to_owned()),
        "instance" => {
            let uuid = object.uuid.parse().map_err(|e| format!("uuid: {e}"))?;
            Ok(Object::Instance(cluster, uuid))
        }
        _ => Err("kind must be cluster or instance".to_owned()),
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
pub(crate) fn object_ref(cluster: ClusterId, instance: Option<InstanceUuid>) -> ObjectRef {
    ObjectRef {
        kind: if instance.is_some() { "instance" } else { "cluster" }.to_owned(),
        cluster_id: cluster.to_string(),
        uuid: instance.map(|i| i.to_string()).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again_and_halves_are_refused() {
        let (cluster, instance) = (ClusterId::generate(), InstanceUuid::generate());
        let whole = object_ref(cluster, None);
        assert_eq!(parse_object(Some(&whole)), Ok(Object::Cluster(cluster)));
        let one = object_ref(cluster, Some(instance));
        assert_eq!(parse_object(Some(&one)), Ok(Object::Instance(cluster, instance)));
        assert!(parse_object(None).is_err());
        assert!(parse_object(Some(&ObjectRef { kind: "node".to_owned(), ..one.clone() })).is_err());
        assert!(parse_object(Some(&ObjectRef { uuid: "../x".to_owned(), ..one })).is_err());
        let named = ObjectRef { uuid: instance.to_string(), ..whole };
        assert!(parse_object(Some(&named)).is_err());
        assert_eq!(parse_object_or_fleet(Some(&ObjectRef::default())), Ok(Object::Fleet));
    }
}
