//! Who may do what, in memory: one look-up for the user, one for the object.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gwm_proto::auth::{Change, Snapshot, UserRights};
use gwm_proto::common::ObjectRef;
use gwm_types::{
    ClusterId, InstanceUuid, NodeGroupUuid, Object, Permission, PermissionSet, SelectorId,
    SessionId, TokenId, UserId,
};
use uuid::Uuid;

use crate::{InstanceSet, Selected};

/// How long an ended session is remembered: longer than any assertion for it lives.
const REMEMBER_ENDED: Duration = Duration::from_secs(180);
/// Lists are given so many instances one by one; of more, their sets.
const ONE_BY_ONE: usize = 500;

/// All rights, by user.
#[derive(Debug, Default)]
pub struct Rights {
    users: HashMap<UserId, UserEntry>,
    selected: Selected,
    ended_sessions: HashMap<SessionId, Instant>,
    revoked_tokens: HashMap<TokenId, Instant>,
}

#[derive(Debug, Default, PartialEq)]
struct UserEntry {
    /// The revision at which all of this came to be so, as far as is known here.
    since: u64,
    is_admin: bool,
    disabled: bool,
    fleet: PermissionSet,
    // What is held on each, with all that it includes.
    clusters: HashMap<ClusterId, PermissionSet>,
    node_groups: HashMap<(ClusterId, NodeGroupUuid), PermissionSet>,
    instances: HashMap<(ClusterId, InstanceUuid), PermissionSet>,
    /// On each instance that is in it, whichever these are now.
    selectors: HashMap<SelectorId, PermissionSet>,
    /// What the user may act as, by id.
    groups: BTreeMap<Uuid, String>,
    /// Where which persona of the user's may create.
    creates: HashSet<(Uuid, Object)>,
    sets: Sets,
}

/// The instances on which a permission is held one by one, where they are many; made when first asked for. What they
/// are made of is compared in their place.
#[derive(Debug, Default)]
struct Sets(Mutex<HashMap<Permission, Arc<InstanceSet>>>);

impl PartialEq for Sets {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// Somebody who may do something: a user, or a restricted token by its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    /// Whose right it is.
    pub user: UserId,
    /// It was given to them; else they may do it because they are administrators.
    pub granted: bool,
}

/// What a list may show: everything, or these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Everything.
    Fleet,
    /// These clusters with all in them, and these instances.
    Limited {
        /// Clusters with all that is in them.
        clusters: Vec<ClusterId>,
        /// Single instances, some perhaps in clusters listed too.
        instances: Vec<(ClusterId, InstanceUuid)>,
        /// Many at once, some perhaps in several sets, or named otherwise too.
        sets: Vec<Arc<InstanceSet>>,
    },
}

impl Rights {
    /// Replaces everything with what holds at `revision`.
    pub fn replace(&mut self, revision: u64, snapshot: Snapshot) {
        let before = std::mem::take(&mut self.users);
        for user in snapshot.users {
            self.put(revision, user, &before);
        }
        self.selected.replace(revision, &snapshot.selectors);
        self.end(&snapshot.ended_sessions, &snapshot.revoked_tokens);
    }

    /// Applies one change, which leads to `revision`.
    pub fn apply(&mut self, revision: u64, change: Change) {
        for user in change.users {
            self.put(revision, user, &HashMap::new());
        }
        self.selected.apply(revision, &change.selectors, &change.selected);
        self.end(&change.ended_sessions, &change.revoked_tokens);
    }

    fn put(&mut self, revision: u64, user: UserRights, before: &HashMap<UserId, UserEntry>) {
        // A restricted token holds rights of its own, under its id.
        let holder = if user.token_id.is_empty() { &user.user_id } else { &user.token_id };
        let Ok(user_id) = holder.parse::<UserId>() else {
            tracing::error!(holder, "rights of an unreadable id ignored");
            return;
        };
        let mut entry =
            UserEntry { is_admin: user.is_admin, disabled: user.disabled, ..UserEntry::default() };
        for right in user.rights {
            let Some(object) = right.object.as_ref().and_then(parse_object) else {
                tracing::warn!(object = ?right.object, "right on an object that is not known ignored");
                continue;
            };
            for word in &right.permissions {
                match word.parse() {
                    Ok(permission) => entry.hold(permission, object),
                    Err(_) => tracing::warn!(right = word, "right that this version does not know"),
                }
            }
        }
        entry.groups = user
            .groups
            .into_iter()
            .filter_map(|group| Some((group.group_id.parse().ok()?, group.name)))
            .collect();
        entry.creates = user
            .create_vm
            .iter()
            .filter_map(|r| Some((r.persona_id.parse().ok()?, parse_object(r.object.as_ref()?)?)))
            .collect();
        // Every new connection to auth begins with a snapshot: what it leaves as it was is not new.
        let known = before.get(&user_id).or_else(|| self.users.get(&user_id));
        entry.since = known.map_or(revision, |k| k.since);
        if known != Some(&entry) {
            entry.since = revision;
        }
        self.users.insert(user_id, entry);
    }

    fn end(&mut self, sessions: &[String], tokens: &[String]) {
        let now = Instant::now();
        self.ended_sessions.retain(|_, at| now.duration_since(*at) < REMEMBER_ENDED);
        self.revoked_tokens.retain(|_, at| now.duration_since(*at) < REMEMBER_ENDED);
        self.ended_sessions.extend(sessions.iter().filter_map(|s| Some((s.parse().ok()?, now))));
        for token in tokens.iter().filter_map(|t| t.parse::<TokenId>().ok()) {
            self.revoked_tokens.insert(token, now);
            self.users.remove(&UserId(token.0));
        }
    }

    /// Whether assertions for this user, session and token still count. A user not heard of yet
    /// counts (auth vouched for them less than a minute ago) and has no rights.
    #[must_use]
    pub fn valid(&self, user: UserId, session: Option<SessionId>, token: Option<TokenId>) -> bool {
        self.users.get(&user).is_none_or(|u| !u.disabled)
            && !session.is_some_and(|s| self.ended_sessions.contains_key(&s))
            && !token.is_some_and(|t| self.revoked_tokens.contains_key(&t))
    }

    /// The revision since which the user's rights are what they are now; none for a user not heard of.
    #[must_use]
    pub fn since(&self, user: UserId) -> Option<u64> {
        let entry = self.users.get(&user)?;
        // What is in a selector changes without a word about those who hold rights by it.
        let selectors = entry.selectors.keys().map(|id| self.selected.since(*id));
        Some(selectors.fold(entry.since, u64::max))
    }

    /// Whether the user is an administrator of everything.
    #[must_use]
    pub fn is_admin(&self, user: UserId) -> bool {
        self.users.get(&user).is_some_and(|u| u.is_admin && !u.disabled)
    }

    /// Whether the user may do this to that.
    #[must_use]
    pub fn allows(&self, user: UserId, permission: Permission, object: Object) -> bool {
        let Some(entry) = self.users.get(&user).filter(|e| !e.disabled) else { return false };
        entry.is_admin || self.held_by(entry, object).contains(permission)
    }

    /// Whether the user may create there as this persona: by what that persona holds itself.
    #[must_use]
    pub fn creates(&self, user: UserId, persona: Uuid, cluster: ClusterId) -> bool {
        let Some(entry) = self.users.get(&user).filter(|e| !e.disabled) else { return false };
        entry.is_admin
            || entry.creates.contains(&(persona, Object::Cluster(cluster)))
            || entry.creates.contains(&(persona, Object::Fleet))
    }

    /// Whether the user may create anywhere as this persona.
    #[must_use]
    pub fn creates_anywhere(&self, user: UserId, persona: Uuid) -> bool {
        let Some(entry) = self.users.get(&user).filter(|e| !e.disabled) else { return false };
        entry.is_admin || entry.creates.iter().any(|(of, _)| *of == persona)
    }

    /// The groups that the user belongs to and may act as, by id.
    #[must_use]
    pub fn groups(&self, user: UserId) -> BTreeMap<Uuid, String> {
        self.users.get(&user).map(|u| u.groups.clone()).unwrap_or_default()
    }

    /// Whether the user belongs to the group.
    #[must_use]
    pub fn belongs(&self, user: UserId, group: Uuid) -> bool {
        self.users.get(&user).is_some_and(|u| u.groups.contains_key(&group))
    }

    /// Everything that the user may do to that.
    #[must_use]
    pub fn held(&self, user: UserId, object: Object) -> PermissionSet {
        let Some(entry) = self.users.get(&user).filter(|e| !e.disabled) else {
            return PermissionSet::EMPTY;
        };
        if entry.is_admin { Permission::Admin.closure() } else { self.held_by(entry, object) }
    }

    fn held_by(&self, entry: &UserEntry, object: Object) -> PermissionSet {
        let held = entry.held(object);
        let Object::Instance(cluster, uuid) = object else { return held };
        if entry.selectors.is_empty() {
            return held;
        }
        let by = self.selected.of(cluster, uuid).iter();
        by.filter_map(|id| entry.selectors.get(id)).fold(held, |held, by| held.and(*by))
    }

    /// All users who may do this to that, in no order.
    #[must_use]
    pub fn holders(&self, permission: Permission, object: Object) -> Vec<Holder> {
        let enabled = self.users.iter().filter(|(_, entry)| !entry.disabled);
        enabled
            .filter_map(|(user, entry)| {
                let granted = self.held_by(entry, object).contains(permission);
                (granted || entry.is_admin).then_some(Holder { user: *user, granted })
            })
            .collect()
    }

    /// Whether the user may know that the object is there: a cluster is seen by whoever sees
    /// anything in it.
    #[must_use]
    pub fn sees(&self, user: UserId, object: Object) -> bool {
        if self.allows(user, Permission::View, object) {
            return true;
        }
        if matches!(object, Object::NodeGroup(..)) {
            return self.allows(user, Permission::ViewPlacement, object);
        }
        let Object::Cluster(cluster) = object else { return false };
        self.users.get(&user).is_some_and(|e| {
            !e.disabled
                && (e.fleet != PermissionSet::EMPTY
                    || e.clusters.contains_key(&cluster)
                    || e.node_groups.keys().any(|(c, _)| *c == cluster)
                    || e.instances.keys().any(|(c, _)| *c == cluster)
                    || e.selectors.keys().any(|id| self.selected.reaches(*id, cluster)))
        })
    }

    /// The clusters of which the user may know: those with anything on which they hold anything; none: all there are.
    #[must_use]
    pub fn known_clusters(&self, user: UserId) -> Option<HashSet<ClusterId>> {
        let Some(entry) = self.users.get(&user).filter(|e| !e.disabled) else {
            return Some(HashSet::new());
        };
        if entry.is_admin || entry.fleet != PermissionSet::EMPTY {
            return None;
        }
        let groups = entry.node_groups.keys().map(|(cluster, _)| *cluster);
        let single = entry.instances.keys().map(|(cluster, _)| *cluster);
        let by = entry.selectors.keys().flat_map(|id| self.selected.clusters(*id));
        Some(entry.clusters.keys().copied().chain(groups).chain(single).chain(by).collect())
    }

    /// The clusters with anything on which the user holds `permission`; none: all there are.
    #[must_use]
    pub fn clusters(&self, user: UserId, permission: Permission) -> Option<HashSet<ClusterId>> {
        let Some(entry) = self.users.get(&user).filter(|e| !e.disabled) else {
            return Some(HashSet::new());
        };
        if entry.is_admin || entry.fleet.contains(permission) {
            return None;
        }
        let mut all: HashSet<ClusterId> =
            keys_holding(&entry.clusters, permission).into_iter().collect();
        let single = entry.instances.iter().filter(|(_, held)| held.contains(permission));
        all.extend(single.map(|((cluster, _), _)| *cluster));
        let by = keys_holding(&entry.selectors, permission);
        all.extend(by.into_iter().flat_map(|id| self.selected.clusters(id)));
        Some(all)
    }

    /// The node groups on which the user holds `permission`, beside those of whole clusters, in their order.
    #[must_use]
    pub fn node_groups(
        &self,
        user: UserId,
        permission: Permission,
    ) -> Vec<(ClusterId, NodeGroupUuid)> {
        let entry = self.users.get(&user).filter(|e| !e.disabled);
        let mut held = entry.map_or_else(Vec::new, |e| keys_holding(&e.node_groups, permission));
        held.sort_unstable();
        held
    }

    /// What a list of objects on which the user holds `permission` may show.
    #[must_use]
    pub fn scope(&self, user: UserId, permission: Permission) -> Scope {
        let Some(entry) = self.users.get(&user).filter(|e| !e.disabled) else {
            return Scope::limited(Vec::new(), Vec::new());
        };
        if entry.is_admin || entry.fleet.contains(permission) {
            return Scope::Fleet;
        }
        let (mut instances, mut sets) = (Vec::new(), Vec::new());
        if entry.instances.len() > ONE_BY_ONE {
            sets.push(entry.set(permission));
        } else {
            instances = keys_holding(&entry.instances, permission);
        }
        let by = keys_holding(&entry.selectors, permission);
        if by.iter().map(|id| self.selected.count(*id)).sum::<usize>() > ONE_BY_ONE {
            sets.extend(by.into_iter().filter_map(|id| self.selected.set(id)));
        } else if !by.is_empty() {
            instances.extend(by.into_iter().flat_map(|id| self.selected.members(id)));
            instances.sort_unstable();
            instances.dedup();
        }
        Scope::Limited { clusters: keys_holding(&entry.clusters, permission), instances, sets }
    }
}

impl Scope {
    /// Nothing but these.
    #[must_use]
    pub const fn limited(
        clusters: Vec<ClusterId>,
        instances: Vec<(ClusterId, InstanceUuid)>,
    ) -> Self {
        Self::Limited { clusters, instances, sets: Vec::new() }
    }

    /// Those of its instances that it names as sets.
    #[must_use]
    pub fn sets(&self) -> &[Arc<InstanceSet>] {
        match self {
            Self::Fleet => &[],
            Self::Limited { sets, .. } => sets,
        }
    }

    /// The clusters of which at least something may be seen; `None` for all.
    #[must_use]
    pub fn visible_clusters(&self) -> Option<HashSet<ClusterId>> {
        match self {
            Self::Fleet => None,
            Self::Limited { clusters, instances, sets } => {
                let of_sets = sets.iter().flat_map(|set| set.clusters());
                let single = instances.iter().map(|(cluster, _)| cluster);
                Some(clusters.iter().chain(single).chain(of_sets).copied().collect())
            }
        }
    }
}

fn keys_holding<K: Copy>(held: &HashMap<K, PermissionSet>, permission: Permission) -> Vec<K> {
    held.iter().filter(|(_, h)| h.contains(permission)).map(|(k, _)| *k).collect()
}

impl UserEntry {
    fn hold(&mut self, permission: Permission, object: Object) {
        let held = match object {
            Object::Fleet => &mut self.fleet,
            Object::Cluster(cluster) => self.clusters.entry(cluster).or_default(),
            Object::NodeGroup(cluster, uuid) => {
                self.node_groups.entry((cluster, uuid)).or_default()
            }
            Object::Selector(id) => self.selectors.entry(id).or_default(),
            Object::Instance(cluster, uuid) => self.instances.entry((cluster, uuid)).or_default(),
        };
        *held = held.and(permission.closure().within(object.may_hold()));
    }

    /// The instances on which the permission is held one by one.
    fn set(&self, permission: Permission) -> Arc<InstanceSet> {
        let mut sets = self.sets.0.lock().expect("no panic while held");
        let make = || InstanceSet::of(keys_holding(&self.instances, permission).into_iter());
        sets.entry(permission).or_insert_with(|| Arc::new(make())).clone()
    }

    /// A right on a cluster is one on all that is in it, and one on the fleet is one on all clusters.
    fn held(&self, object: Object) -> PermissionSet {
        let on = |cluster| self.fleet.and(self.clusters.get(&cluster).copied().unwrap_or_default());
        match object {
            Object::Fleet => self.fleet,
            Object::Cluster(cluster) => on(cluster),
            Object::NodeGroup(cluster, uuid) => {
                on(cluster).and(self.node_groups.get(&(cluster, uuid)).copied().unwrap_or_default())
            }
            // What one has to hold to give rights on it depends on what it asks for, which auth looks at.
            Object::Selector(id) => {
                self.fleet.and(self.selectors.get(&id).copied().unwrap_or_default())
            }
            Object::Instance(cluster, uuid) => {
                on(cluster).and(self.instances.get(&(cluster, uuid)).copied().unwrap_or_default())
            }
        }
    }
}

/// Reads an object as the wire names it; `None` when it is none that rights are held on.
#[must_use]
pub fn parse_object(object: &ObjectRef) -> Option<Object> {
    if object.kind == "fleet" {
        return Some(Object::Fleet);
    }
    if object.kind == "selector" {
        return Some(Object::Selector(object.uuid.parse().ok()?));
    }
    let cluster = object.cluster_id.parse().ok()?;
    match object.kind.as_str() {
        "node_group" => Some(Object::NodeGroup(cluster, object.uuid.parse().ok()?)),
        "cluster" => Some(Object::Cluster(cluster)),
        "instance" => Some(Object::Instance(cluster, object.uuid.parse().ok()?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use gwm_proto::auth::{GroupRef, Members, MembersOfCluster, PersonaRight, Right};
    use proptest::prelude::*;

    use super::*;

    fn object(cluster: ClusterId, instance: Option<InstanceUuid>) -> ObjectRef {
        ObjectRef {
            kind: if instance.is_some() { "instance" } else { "cluster" }.to_owned(),
            cluster_id: cluster.to_string(),
            uuid: instance.map(|i| i.to_string()).unwrap_or_default(),
        }
    }

    fn rights(user: UserId, rights: Vec<Right>) -> Rights {
        let mut all = Rights::default();
        let user = UserRights { user_id: user.to_string(), rights, ..Default::default() };
        all.replace(1, Snapshot { users: vec![user], ..Default::default() });
        all
    }

    #[test]
    fn a_right_on_one_instance_shows_its_cluster_but_not_its_neighbours() {
        let (user, cluster) = (UserId::generate(), ClusterId::generate());
        let (mine, other) = (InstanceUuid::generate(), InstanceUuid::generate());
        let right = Right {
            permissions: vec!["power".to_owned()],
            object: Some(object(cluster, Some(mine))),
        };
        let rights = rights(user, vec![right]);
        assert!(rights.allows(user, Permission::Console, Object::Instance(cluster, mine)));
        assert!(!rights.allows(user, Permission::View, Object::Instance(cluster, other)));
        assert!(rights.sees(user, Object::Cluster(cluster)));
        assert!(!rights.allows(user, Permission::View, Object::Cluster(cluster)));
        assert!(!rights.sees(user, Object::Cluster(ClusterId::generate())));
    }

    /// All that a scope shows, however it says it.
    fn shown(scope: &Scope) -> HashSet<(ClusterId, InstanceUuid)> {
        let Scope::Limited { instances, sets, .. } = scope else { panic!("not everything") };
        instances.iter().copied().chain(sets.iter().flat_map(|set| set.iter())).collect()
    }

    #[test]
    fn many_instances_are_told_as_sets_that_change_with_what_is_in_them() {
        let (user, cluster, selector) =
            (UserId::generate(), ClusterId::generate(), SelectorId::generate());
        let many: Vec<_> = (0..2 * ONE_BY_ONE).map(|_| InstanceUuid::generate()).collect();
        let (mine, selected) = many.split_at(ONE_BY_ONE + 1);
        let view = |object| Right { permissions: vec!["view".to_owned()], object: Some(object) };
        let single = mine.iter().map(|uuid| view(object(cluster, Some(*uuid))));
        let by = ObjectRef {
            kind: "selector".to_owned(),
            uuid: selector.to_string(),
            ..ObjectRef::default()
        };
        let mut rights = rights(user, single.chain([view(by)]).collect());
        let told = |of: &[InstanceUuid]| Members {
            selector_id: selector.to_string(),
            clusters: vec![MembersOfCluster {
                cluster_id: cluster.to_string(),
                instances: of.iter().flat_map(|uuid| *uuid.0.as_bytes()).collect(),
            }],
        };
        let tell = |rights: &mut Rights, of| {
            rights.apply(2, Change { selectors: vec![told(of)], ..Change::default() });
            rights.scope(user, Permission::View)
        };
        let all = |of: &[InstanceUuid]| of.iter().map(|uuid| (cluster, *uuid)).collect();
        let scope = tell(&mut rights, selected);
        // Those of the selector are few enough to be named; the others are not.
        assert_eq!((shown(&scope), scope.sets().len()), (all(&many), 1));
        assert_eq!(scope.visible_clusters(), Some([cluster].into()));
        let before = tell(&mut rights, &many);
        assert_eq!((shown(&before), before.sets().len()), (all(&many), 2));
        assert_eq!(rights.scope(user, Permission::View), before);
        let gone = gwm_proto::auth::Selected {
            cluster_id: cluster.to_string(),
            uuid: selected[0].to_string(),
            selector_ids: Vec::new(),
        };
        rights.apply(3, Change { selected: vec![gone.clone()], ..Change::default() });
        let after = rights.scope(user, Permission::View);
        assert!(!shown(&after).contains(&(cluster, selected[0])));
        assert_ne!(after, before);
        let back = gwm_proto::auth::Selected { selector_ids: vec![selector.to_string()], ..gone };
        rights.apply(4, Change { selected: vec![back], ..Change::default() });
        assert_eq!(rights.scope(user, Permission::View), before);
        // Another permission is another set.
        assert_eq!(shown(&rights.scope(user, Permission::Power)), HashSet::new());
        rights.apply(
            5,
            Change {
                users: vec![UserRights { user_id: user.to_string(), ..Default::default() }],
                ..Change::default()
            },
        );
        assert_eq!(shown(&rights.scope(user, Permission::View)), HashSet::new());
    }

    #[test]
    fn rights_are_new_only_when_they_differ() {
        let (user, cluster) = (UserId::generate(), ClusterId::generate());
        let right =
            Right { permissions: vec!["view".to_owned()], object: Some(object(cluster, None)) };
        let with = |rights: Vec<Right>| UserRights {
            user_id: user.to_string(),
            rights,
            ..Default::default()
        };
        let snapshot = |user| Snapshot { users: vec![user], ..Default::default() };
        let mut all = Rights::default();
        assert_eq!(all.since(user), None);
        all.replace(4, snapshot(with(vec![right.clone()])));
        all.replace(9, snapshot(with(vec![right.clone()])));
        assert_eq!(all.since(user), Some(4), "the same again");
        all.apply(12, Change { users: vec![with(vec![])], ..Default::default() });
        assert_eq!(all.since(user), Some(12), "one taken away");
        let admin = UserRights { is_admin: true, ..with(vec![]) };
        all.replace(15, snapshot(admin));
        assert_eq!(all.since(user), Some(15), "made an administrator");
    }

    #[test]
    fn a_disabled_user_and_an_ended_session_count_for_nothing() {
        let (user, session) = (UserId::generate(), SessionId::generate());
        let mut rights = rights(user, Vec::new());
        assert!(rights.valid(user, Some(session), None));
        rights.apply(2, Change { ended_sessions: vec![session.to_string()], ..Default::default() });
        assert!(!rights.valid(user, Some(session), None));
        assert!(rights.valid(user, None, None));
        let gone = UserRights {
            user_id: user.to_string(),
            is_admin: true,
            disabled: true,
            ..Default::default()
        };
        rights.apply(3, Change { users: vec![gone], ..Default::default() });
        assert!(!rights.valid(user, None, None));
        assert!(!rights.is_admin(user));
        assert!(!rights.allows(user, Permission::View, Object::Cluster(ClusterId::generate())));
    }

    #[test]
    fn only_what_a_persona_holds_itself_lets_it_create() {
        let (user, shop, ops) = (UserId::generate(), Uuid::now_v7(), Uuid::now_v7());
        let (here, there) = (ClusterId::generate(), ClusterId::generate());
        let mut all = Rights::default();
        let right = |persona: Uuid, cluster| PersonaRight {
            persona_id: persona.to_string(),
            object: Some(object(cluster, None)),
        };
        let group = |id: Uuid| GroupRef { group_id: id.to_string(), name: "g".to_owned() };
        let told = UserRights {
            user_id: user.to_string(),
            groups: vec![group(shop), group(ops)],
            create_vm: vec![right(shop, here), right(user.0, there)],
            ..Default::default()
        };
        all.replace(1, Snapshot { users: vec![told.clone()], ..Default::default() });
        assert!(all.creates(user, shop, here) && all.creates(user, user.0, there));
        for (persona, cluster) in [(user.0, here), (shop, there), (ops, here), (ops, there)] {
            assert!(!all.creates(user, persona, cluster));
        }
        assert!(all.creates_anywhere(user, shop) && !all.creates_anywhere(user, ops));
        assert!(all.belongs(user, ops) && !all.belongs(UserId::generate(), ops));
        let left = UserRights { groups: vec![group(ops)], create_vm: vec![], ..told };
        all.apply(2, Change { users: vec![left], ..Default::default() });
        assert!(!all.belongs(user, shop) && !all.creates(user, shop, here));
        assert_eq!(all.since(user), Some(2));
    }

    fn told(id: SelectorId, members: &[(ClusterId, InstanceUuid)]) -> Members {
        let one = |(cluster, uuid): &(ClusterId, InstanceUuid)| MembersOfCluster {
            cluster_id: cluster.to_string(),
            instances: uuid.0.as_bytes().to_vec(),
        };
        Members { selector_id: id.to_string(), clusters: members.iter().map(one).collect() }
    }

    #[test]
    fn who_holds_a_right_by_a_selector_has_other_rights_when_others_are_in_it() {
        let (user, cluster) = (UserId::generate(), ClusterId::generate());
        let (one, two) = (InstanceUuid::generate(), InstanceUuid::generate());
        let id = SelectorId::generate();
        let by = |permission: &str| Right {
            permissions: vec![permission.to_owned()],
            object: Some(ObjectRef {
                kind: "selector".to_owned(),
                uuid: id.to_string(),
                ..Default::default()
            }),
        };
        let mut all = Rights::default();
        let person = UserRights {
            user_id: user.to_string(),
            rights: vec![by("power")],
            ..Default::default()
        };
        let snapshot = |members: &[(ClusterId, InstanceUuid)]| Snapshot {
            users: vec![person.clone()],
            selectors: vec![told(id, members)],
            ..Default::default()
        };
        all.replace(3, snapshot(&[(cluster, one)]));
        let sees = |all: &Rights| {
            [one, two].map(|i| all.allows(user, Permission::Console, Object::Instance(cluster, i)))
        };
        assert_eq!(sees(&all), [true, false]);
        assert!(all.sees(user, Object::Cluster(cluster)));
        assert_eq!(all.clusters(user, Permission::View), Some([cluster].into()));
        assert_eq!(all.clusters(user, Permission::Remove), Some(HashSet::new()));
        assert_eq!(all.since(user), Some(3));
        all.replace(5, snapshot(&[(cluster, one)]));
        assert_eq!(all.since(user), Some(3), "the same again");

        let moved = |uuid: InstanceUuid, ids: Vec<SelectorId>| gwm_proto::auth::Selected {
            cluster_id: cluster.to_string(),
            uuid: uuid.to_string(),
            selector_ids: ids.iter().map(ToString::to_string).collect(),
        };
        let selected = vec![moved(one, vec![]), moved(two, vec![id, SelectorId::generate()])];
        all.apply(7, Change { selected, ..Default::default() });
        assert_eq!((sees(&all), all.since(user)), ([false, true], Some(7)));
        all.apply(9, Change { selected: vec![moved(two, vec![])], ..Default::default() });
        assert_eq!((sees(&all), all.since(user)), ([false, false], Some(9)));
        assert!(!all.sees(user, Object::Cluster(cluster)));
        // What nobody names any more has nothing in it, and that is new.
        all.apply(
            10,
            Change { selectors: vec![told(id, &[(cluster, one)])], ..Default::default() },
        );
        assert_eq!(sees(&all), [true, false]);
        all.replace(12, Snapshot { users: vec![person.clone()], ..Default::default() });
        assert_eq!((sees(&all), all.since(user)), ([false, false], Some(12)));
    }

    proptest! {
        /// The index says the same as going through the grants one by one.
        #[test]
        fn the_index_agrees_with_a_naive_model(
            grants in proptest::collection::vec((0..6_usize, 0..3_usize, 0..4_usize), 0..12),
            ask in (0..6_usize, 0..3_usize, 0..3_usize),
        ) {
            let user = UserId::generate();
            let clusters: Vec<_> = (0..3).map(|_| ClusterId::generate()).collect();
            let instances: Vec<_> = (0..3).map(|_| InstanceUuid::generate()).collect();
            // Instance 3 means: on the cluster itself.
            let held: Vec<_> = grants
                .iter()
                .map(|(p, c, i)| (Permission::ALL[*p], clusters[*c], instances.get(*i).copied()))
                .collect();
            let wire = held
                .iter()
                .map(|(p, c, i)| Right {
                    permissions: vec![p.to_string()],
                    object: Some(object(*c, *i)),
                })
                .collect();
            let rights = rights(user, wire);
            let (want, cluster, instance) =
                (Permission::ALL[ask.0], clusters[ask.1], instances[ask.2]);
            let naive = held.iter().any(|(p, c, i)| {
                p.closure().contains(want) && *c == cluster && i.is_none_or(|i| i == instance)
            });
            prop_assert_eq!(rights.allows(user, want, Object::Instance(cluster, instance)), naive);
            let Scope::Limited { clusters, instances, .. } = rights.scope(user, want) else {
                panic!("not an administrator");
            };
            let listed =
                clusters.contains(&cluster) || instances.contains(&(cluster, instance));
            prop_assert_eq!(listed, naive);
        }
    }
}
