//! Setting owners: what each line would do, decided before anything is done.

use std::collections::{HashMap, HashSet};

use gwm_types::{ClusterId, InstanceUuid, PermissionSet};
use uuid::Uuid;

use super::{PersonaName, fits};

/// The role of an owner who is given none by name.
pub(crate) const OWNERS_ROLE: &str = "admin";

/// An instance.
pub(crate) type Key = (Uuid, Uuid);

/// One line, read.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) cluster: ClusterId,
    pub(crate) instance: InstanceUuid,
    /// Slug and name, for the records.
    pub(crate) slug: String,
    pub(crate) name: String,
    /// As asked: `NAME`, `user/NAME` or `group/NAME`; empty: nobody.
    pub(crate) owner: String,
    pub(crate) role: String,
    pub(crate) remove_former_grants: bool,
}

impl Line {
    pub(crate) fn key(&self) -> Key {
        (self.cluster.0, self.instance.0)
    }
}

/// Who is known by a name.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) id: Uuid,
    pub(crate) disabled: bool,
}

/// What there is, before.
#[derive(Debug, Default)]
pub(crate) struct Before {
    /// By `user/NAME` and `group/NAME`.
    pub(crate) personas: HashMap<String, Known>,
    /// Id and `user/NAME` or `group/NAME` of the owner of each instance that has one.
    pub(crate) owners: HashMap<Key, (Uuid, String)>,
    /// What is granted on the instances of the lines: persona, role.
    pub(crate) grants: HashMap<Key, HashSet<(Uuid, String)>>,
    /// What each role named in the lines allows.
    pub(crate) roles: HashMap<String, Vec<String>>,
}

/// What a line does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Plan {
    Do {
        /// `None`: nobody.
        owner: Option<Uuid>,
        /// It is another one than before.
        new: bool,
        role: Option<String>,
        /// Whose grants go.
        strip: Option<Uuid>,
    },
    Same,
    Refused(&'static str, String),
}

fn clip(text: &str) -> String {
    text.chars().take(80).collect()
}

/// The users and groups that the lines speak of.
pub(crate) fn names(lines: &[Line]) -> Vec<PersonaName> {
    let names: HashSet<PersonaName> =
        lines.iter().filter_map(|line| PersonaName::parse(&line.owner).ok()).collect();
    names.into_iter().collect()
}

/// The roles that the lines speak of.
pub(crate) fn roles(lines: &[Line]) -> Vec<String> {
    let names: HashSet<&String> =
        lines.iter().map(|line| &line.role).filter(|role| !role.is_empty()).collect();
    names.into_iter().cloned().collect()
}

/// What each line does, in their order.
pub(crate) fn plan(lines: &[Line], before: &Before, only_orphans: bool) -> Vec<Plan> {
    let mut seen = HashSet::new();
    lines.iter().map(|line| one(line, before, only_orphans, &mut seen)).collect()
}

fn one(line: &Line, before: &Before, only_orphans: bool, seen: &mut HashSet<Key>) -> Plan {
    if !seen.insert(line.key()) {
        return Plan::Refused("twice", "this instance is named twice".to_owned());
    }
    let role = match line.role.as_str() {
        "" => None,
        word => match before.roles.get(word) {
            None => {
                let text =
                    format!("there is no role {:?}: give one of the list, or none", clip(word));
                return Plan::Refused("bad_role", text);
            }
            Some(of) => match fits(word, of, PermissionSet::ON_INSTANCE) {
                Ok(()) => Some(word.to_owned()),
                Err(text) => return Plan::Refused("bad_role", text),
            },
        },
    };
    let former = before.owners.get(&line.key());
    if line.owner.is_empty() {
        let Some((former, _)) = former else { return Plan::Same };
        let strip = line.remove_former_grants.then_some(*former);
        return Plan::Do { owner: None, new: true, role: None, strip };
    }
    let name = match PersonaName::parse(&line.owner) {
        Ok(name) => name,
        Err(text) => return Plan::Refused("unknown_user", text),
    };
    let Some(known) = before.personas.get(&name.to_string()) else {
        let text = format!("there is no {} {}", name.kind, name.name);
        return Plan::Refused("unknown_user", text);
    };
    if known.disabled {
        return Plan::Refused("disabled_user", format!("{} is disabled", name.name));
    }
    let new = former.is_none_or(|(id, _)| *id != known.id);
    if let Some((_, name)) = former.filter(|_| new && only_orphans) {
        return Plan::Refused("owned", format!("it is owned by {name} already"));
    }
    let held = before.grants.get(&line.key());
    let role = role.filter(|role| {
        let wanted = (known.id, role.clone());
        held.is_none_or(|held| !held.contains(&wanted))
    });
    let strip = former.map(|(id, _)| *id).filter(|_| new && line.remove_former_grants);
    if !new && role.is_none() {
        return Plan::Same;
    }
    Plan::Do { owner: Some(known.id), new, role, strip }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(owner: &str, role: &str) -> Line {
        Line {
            cluster: ClusterId::generate(),
            instance: InstanceUuid::generate(),
            slug: "fra1".to_owned(),
            name: "web1".to_owned(),
            owner: owner.to_owned(),
            role: role.to_owned(),
            remove_former_grants: true,
        }
    }

    fn before() -> (Before, Uuid) {
        let carla = Uuid::now_v7();
        let mut before = Before::default();
        before.personas.insert("user/carla".to_owned(), Known { id: carla, disabled: false });
        let left = Known { id: Uuid::now_v7(), disabled: true };
        before.personas.insert("user/left".to_owned(), left);
        for role in ["admin", "power", "export"] {
            before.roles.insert(role.to_owned(), vec![role.to_owned()]);
        }
        (before, carla)
    }

    #[test]
    fn each_thing_that_is_wrong_with_a_line_has_its_own_code() {
        let (mut before, _) = before();
        let owned = line("carla", "admin");
        before.owners.insert(owned.key(), (Uuid::now_v7(), "user/dora".to_owned()));
        let twice = line("carla", "");
        let lines = [
            line("nobody", ""),
            line("group/shop", ""),
            line("Not A Name", ""),
            line("left", ""),
            line("carla", "root"),
            line("carla", "export"),
            owned,
            twice.clone(),
            twice,
        ];
        let codes: Vec<&str> = plan(&lines, &before, true)
            .iter()
            .map(|p| match p {
                Plan::Refused(code, _) => code,
                Plan::Do { .. } => "do",
                Plan::Same => "same",
            })
            .collect();
        let wanted = ["unknown_user", "unknown_user", "unknown_user", "disabled_user", "bad_role"];
        assert_eq!(codes[..5], wanted);
        assert_eq!(codes[5..], ["bad_role", "owned", "do", "twice"]);
    }

    #[test]
    fn what_is_so_already_is_not_done_again_and_the_former_owner_is_named() {
        let (mut before, carla) = before();
        let mine = line("user/carla", "power");
        before.owners.insert(mine.key(), (carla, "user/carla".to_owned()));
        let with_role = Plan::Do {
            owner: Some(carla),
            new: false,
            role: Some("power".to_owned()),
            strip: None,
        };
        assert_eq!(plan(std::slice::from_ref(&mine), &before, true), [with_role]);
        before.grants.entry(mine.key()).or_default().insert((carla, "power".to_owned()));
        assert_eq!(plan(&[mine], &before, true), [Plan::Same]);
        assert_eq!(plan(&[line("", "")], &before, false), [Plan::Same], "nobody owns it anyway");

        let dora = Uuid::now_v7();
        let others = line("carla", "");
        before.owners.insert(others.key(), (dora, "user/dora".to_owned()));
        let change = Plan::Do { owner: Some(carla), new: true, role: None, strip: Some(dora) };
        assert_eq!(plan(std::slice::from_ref(&others), &before, false), [change]);
        let kept = Line { remove_former_grants: false, ..others };
        let change = Plan::Do { owner: Some(carla), new: true, role: None, strip: None };
        assert_eq!(plan(&[kept], &before, false), [change]);
    }
}
