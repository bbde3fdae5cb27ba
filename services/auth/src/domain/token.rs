//! API tokens that count from some networks only, or may do less than their owner.

use std::net::IpAddr;

use gwm_types::{Object, PermissionSet};
use ipnet::IpNet;
use uuid::Uuid;

/// What a restricted token may do of what its owner may. Nothing adds to what the owner may.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TokenScope {
    /// Only what this user or group holds itself.
    pub(crate) persona: Option<Uuid>,
    /// Only these.
    pub(crate) permissions: Option<PermissionSet>,
    /// Only on or in these; an empty list is nothing.
    pub(crate) objects: Option<Vec<Object>>,
}

impl TokenScope {
    /// Whether what this persona holds counts.
    pub(crate) fn counts(&self, persona: Uuid) -> bool {
        self.persona.is_none_or(|only| only == persona)
    }

    /// What is left of permissions that count on an object, and on what: where the token is for less than
    /// the object, on that. `bounds` is what the object lies in: itself, or for a selector, of which nobody can say
    /// here what it selects, the least that all of that is in.
    pub(crate) fn narrow(
        &self,
        held: PermissionSet,
        on: Object,
        bounds: Object,
    ) -> Vec<(PermissionSet, Object)> {
        let held = self.permissions.map_or(held, |only| held.within(only));
        let places: Vec<Object> = match &self.objects {
            None => vec![on],
            Some(objects) => objects.iter().filter_map(|only| both(on, bounds, *only)).collect(),
        };
        let clipped = places.into_iter().map(|place| (held.within(place.may_hold()), place));
        clipped.filter(|(left, _)| *left != PermissionSet::EMPTY).collect()
    }
}

/// What is in both: the inner one of the two, if one is in the other.
fn both(on: Object, bounds: Object, only: Object) -> Option<Object> {
    if only.and_around().any(|around| around == on) {
        Some(only)
    } else {
        bounds.and_around().any(|around| around == only).then_some(on)
    }
}

/// Reads networks as people write them, single addresses too; the text says what is wrong.
pub(crate) fn parse_networks(texts: &[String], most: usize) -> Result<Vec<String>, String> {
    if texts.len() > most {
        return Err(format!("at most {most} networks"));
    }
    let mut networks: Vec<String> = Vec::new();
    for text in texts.iter().map(|text| text.trim()).filter(|text| !text.is_empty()) {
        let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        let Ok(network) = network else {
            let shown: String = text.chars().take(60).collect();
            return Err(format!(
                "{shown:?} is no network: write it like 192.0.2.0/24, 2001:db8::/32 or 192.0.2.7"
            ));
        };
        let network = network.trunc().to_string();
        if !networks.contains(&network) {
            networks.push(network);
        }
    }
    Ok(networks)
}

/// Whether a token of these networks counts from there. No network: from anywhere; an address that is not
/// known is in none.
pub(crate) fn within(networks: &[String], address: &str) -> bool {
    if networks.is_empty() {
        return true;
    }
    // An IPv4 address that came in on a socket for both kinds.
    let Ok(address) = address.parse::<IpAddr>().map(|a| a.to_canonical()) else { return false };
    networks.iter().filter_map(|n| n.parse::<IpNet>().ok()).any(|n| n.contains(&address))
}

#[cfg(test)]
mod tests {
    use gwm_types::{ClusterId, InstanceUuid, Permission};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn networks_are_read_as_people_write_them() {
        let texts = |texts: &[&str]| texts.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>();
        let read = parse_networks(
            &texts(&["10.1.2.3/8", " 192.0.2.7 ", "", "2001:db8::1", "10.0.0.0/8"]),
            20,
        );
        let read = read.unwrap();
        assert_eq!(read, texts(&["10.0.0.0/8", "192.0.2.7/32", "2001:db8::1/128"]));
        for bad in ["10.0.0.0/33", "host", "10.0.0", "10.0.0.0/-1", "::/129", "' or 1=1"] {
            assert!(parse_networks(&texts(&[bad]), 20).is_err(), "{bad}");
        }
        assert!(parse_networks(&texts(&["10.0.0.1"; 21]), 20).is_err());
        assert!(within(&read, "10.255.0.1") && within(&read, "::ffff:10.255.0.1"));
        for not in ["11.0.0.1", "", "unknown", "2001:db8::2", "192.0.2.70"] {
            assert!(!within(&read, not), "{not}");
        }
        assert!(within(&[], ""), "no network is named");
        assert!(!within(&texts(&["nonsense"]), "10.0.0.1"), "what can't be read lets nobody in");
    }

    fn object(kind: usize, clusters: &[ClusterId], instances: &[InstanceUuid]) -> Object {
        match kind {
            0 => Object::Fleet,
            1 | 2 => Object::Cluster(clusters[kind - 1]),
            _ => Object::Instance(clusters[(kind - 3) / 2], instances[(kind - 3) % 2]),
        }
    }

    /// Whether what is held on `on` counts on `asked`.
    fn counts_on(held: PermissionSet, on: Object, permission: Permission, asked: Object) -> bool {
        held.within(on.may_hold()).contains(permission)
            && asked.and_around().any(|around| around == on)
    }

    proptest! {
        /// A token never may what its owner may not, nor what it was not made for; and it may all that is both.
        #[test]
        fn a_token_may_what_its_owner_may_and_it_was_made_for(
            held in proptest::collection::vec((0..14_usize, 0..7_usize), 0..5),
            only in proptest::option::of(proptest::collection::vec(0..14_usize, 1..4)),
            places in proptest::option::of(proptest::collection::vec(0..7_usize, 0..4)),
        ) {
            let clusters = [ClusterId::generate(), ClusterId::generate()];
            let instances = [InstanceUuid::generate(), InstanceUuid::generate()];
            let set = |p: &usize| Permission::ALL[*p].closure();
            let held: Vec<_> =
                held.iter().map(|(p, o)| (set(p), object(*o, &clusters, &instances))).collect();
            let permissions =
                only.map(|only| only.iter().fold(PermissionSet::EMPTY, |all, p| all.and(set(p))));
            let objects: Option<Vec<Object>> =
                places.map(|p| p.iter().map(|o| object(*o, &clusters, &instances)).collect());
            let scope = TokenScope { persona: None, permissions, objects: objects.clone() };
            let left: Vec<_> = held
                .iter()
                .flat_map(|(set, on)| scope.narrow(set.within(on.may_hold()), *on, *on))
                .collect();
            for asked in (0..7).map(|o| object(o, &clusters, &instances)) {
                for permission in Permission::ALL {
                    let owner = held.iter().any(|(set, on)| counts_on(*set, *on, permission, asked));
                    let made_for = permissions.is_none_or(|only| only.contains(permission))
                        && objects.as_ref().is_none_or(|objects| {
                            asked.and_around().any(|around| objects.contains(&around))
                        });
                    // What can't be held on a token's own object isn't there, either: on an instance, say, where it runs.
                    let could = objects.is_none()
                        || asked.and_around().any(|around| {
                            around.may_hold().contains(permission)
                                && objects.as_ref().is_some_and(|o| o.contains(&around))
                        })
                        || held.iter().any(|(set, on)| {
                            counts_on(*set, *on, permission, asked)
                                && objects.as_ref().is_some_and(|o| on.and_around().any(|a| o.contains(&a)))
                        });
                    let may = left.iter().any(|(set, on)| counts_on(*set, *on, permission, asked));
                    prop_assert!(!may || (owner && made_for), "{permission} on {asked:?}: too much");
                    prop_assert!(may || !(owner && made_for && could), "{permission} on {asked:?}: too little");
                }
            }
        }
    }
}
