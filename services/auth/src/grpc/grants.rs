//! Who may do what.

use gwm_authz::{Mode, Principal};
use gwm_events::types::audit::RecordObject;
use gwm_proto::auth::grants_server::Grants;
use gwm_proto::auth::{
    AddGrantRequest, Grant, ListGrantsRequest, ListGrantsResponse, RemoveGrantRequest,
    RemoveGrantResponse,
};
use gwm_types::{GrantId, Object, Permission, PermissionSet, SelectorText};
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::{Rpcs, convert};
use crate::app::{On, person, require_admin_of};
use crate::domain::{PersonaName, fits, parse_object};
use crate::error::{Error, Result};
use crate::store::audit::{Cluster, Entry};
use crate::store::grant::{GrantRow, Place};
use crate::store::persona::PersonaRow;
use crate::store::{
    PgConnection, audit, change, commit, event, grant, group, persona, role, selector,
};

#[async_trait]
impl Grants for Rpcs {
    async fn add_grant(
        &self,
        request: Request<AddGrantRequest>,
    ) -> Result<Response<Grant>, Status> {
        let principal = self.authz.principal(&request, Mode::Write)?;
        let request = request.into_inner();
        let wanted = wanted(&request)?;
        let bounds = wanted.bounds();
        let on = On::Object {
            object: bounds,
            slug: request.slug.clone(),
            name: request.object_name.clone(),
        };
        require_admin_of(&self.authz, &self.store, &principal, "grant.add", bounds, on).await?;
        let mut tx = self.store.begin().await?;
        grantable(&mut tx, &request.role, wanted.may_hold()).await?;
        let whom = grantee(&mut tx, &request.persona).await?;
        let by = Some(principal.username.as_str());
        let role = request.role.as_str();
        let called = grant::Called {
            slug: bounded("slug", &request.slug)?,
            name: bounded("object_name", &request.object_name)?,
        };
        let place = wanted.place(&mut tx).await?;
        let Some(row) = grant::insert(&mut tx, &whom, role, place, called, by).await? else {
            // Had already: the answer is the same, and nothing happened.
            let row = grant::find(&mut tx, whom.persona_id, role, place).await?;
            let row = row.ok_or_else(taken_meanwhile)?;
            commit(tx).await?;
            return Ok(Response::new(convert::grant_for(&self.authz, &principal, row)));
        };
        change::record(&mut tx, &change::Touched::holders([&row])).await?;
        let actor = event::actor_of(&principal);
        event::grant_added(&mut tx, &row, row.created_at, Some(actor)).await?;
        audit::append_all(&mut tx, vec![act("grant.add", &row, &principal)]).await?;
        commit(tx).await?;
        Ok(Response::new(convert::grant_for(&self.authz, &principal, row)))
    }

    async fn remove_grant(
        &self,
        request: Request<RemoveGrantRequest>,
    ) -> Result<Response<RemoveGrantResponse>, Status> {
        let principal = self.authz.principal(&request, Mode::Write)?;
        let grant_id: GrantId =
            request.into_inner().grant_id.parse().map_err(|_| Error::NotFound("grant"))?;
        let mut tx = self.store.begin().await?;
        let row = grant::fetch(&mut tx, grant_id.0).await?;
        commit(tx).await?;
        let row = row.ok_or(Error::NotFound("grant"))?;
        let (bounds, on) = (row.bounds(), self.on(&principal, &row));
        require_admin_of(&self.authz, &self.store, &principal, "grant.remove", bounds, on).await?;
        let mut tx = self.store.begin().await?;
        let row = grant::remove(&mut tx, grant_id.0).await?.ok_or(Error::NotFound("grant"))?;
        change::record(&mut tx, &change::Touched::holders([&row])).await?;
        let actor = event::actor_of(&principal);
        event::grant_removed(&mut tx, &row, chrono::Utc::now(), Some(actor)).await?;
        audit::append_all(&mut tx, vec![act("grant.remove", &row, &principal)]).await?;
        commit(tx).await?;
        Ok(Response::new(RemoveGrantResponse {}))
    }

    async fn list_grants(
        &self,
        request: Request<ListGrantsRequest>,
    ) -> Result<Response<ListGrantsResponse>, Status> {
        let principal = self.authz.principal(&request, Mode::Read)?;
        let request = request.into_inner();
        let object = request.object.as_ref().map(|object| parse_object(Some(object))).transpose();
        let object = object.map_err(|why| Error::invalid("object", why))?;
        let persona = match request.persona_id.as_str() {
            "" => None,
            text => {
                let id: Result<Uuid, _> = text.parse();
                Some(id.map_err(|e| Error::invalid("persona_id", format!("{e}")))?)
            }
        };
        let mut tx = self.store.begin().await?;
        let me = principal.user_id.0;
        let own = match persona {
            None => false,
            Some(_) if principal.restricted => false,
            // What oneself or a group that one belongs to may do is no secret.
            Some(id) => id == me || group::membership(&mut tx, id, me).await?.is_some(),
        };
        if !own {
            commit(tx).await?;
            let of = object.unwrap_or(Object::Fleet);
            let on = On::object(of);
            require_admin_of(&self.authz, &self.store, &principal, "grant.list", of, on).await?;
            tx = self.store.begin().await?;
        }
        let places = match object {
            None => None,
            Some(object) => {
                let around = around(&mut tx, object, request.inherited).await?;
                Some(around)
            }
        };
        let mut rows = grant::list(&mut tx, places.as_deref(), persona).await?;
        commit(tx).await?;
        if object.is_some() && !own {
            rows.retain(|row| self.authz.allows(&principal, Permission::Admin, row.bounds()));
        }
        let shown = |row| convert::grant_for(&self.authz, &principal, row);
        let grants = rows.into_iter().map(shown).collect();
        Ok(Response::new(ListGrantsResponse { grants }))
    }
}

impl Rpcs {
    /// What a right is on that somebody may not take away, if they may know it. Else it is the right, as they named it.
    fn on(&self, principal: &Principal, row: &GrantRow) -> On {
        let object = row.bounds();
        if !self.authz.sees(principal, object) {
            let (kind, id) = ("grant".to_owned(), Some(row.grant_id.to_string()));
            return On::Known(RecordObject { kind, id, name: None });
        }
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        On::Object { object, slug: text(&row.slug), name: text(&row.object_name) }
    }
}

/// What a right is to be on.
enum Wanted {
    Object(Object),
    /// And whose its instances are.
    Selector(selector::Asked, Option<PersonaName>),
}

impl Wanted {
    /// What one has to administer to give it.
    fn bounds(&self) -> Object {
        match self {
            Self::Object(object) => *object,
            Self::Selector(asked, _) => asked.bounds(),
        }
    }

    fn may_hold(&self) -> PermissionSet {
        match self {
            Self::Object(object) => object.may_hold(),
            Self::Selector(asked, None) if asked.is_node_group() => asked.bounds().may_hold(),
            Self::Selector(..) => PermissionSet::ON_INSTANCE,
        }
    }

    async fn place(&self, connection: &mut PgConnection) -> Result<Place> {
        match self {
            Self::Object(object) => Place::of(*object)
                .ok_or_else(|| Error::Internal("an object without place".to_owned())),
            Self::Selector(asked, owner) => {
                let mut asked = asked.clone();
                if let Some(name) = owner {
                    let found = persona::by_name(&mut *connection, name).await?;
                    let text = || format!("owner: there is no {} {}", name.kind, name.name);
                    let found = found.ok_or_else(|| Error::invalid("selector", text()))?;
                    asked.owner = Some(found.persona_id);
                }
                let id = selector::ensure(connection, &asked).await?;
                Ok(Place { cluster: asked.cluster, instance: None, selector: Some(id) })
            }
        }
    }
}

/// Reads what a right is to be on; a node group is a selector that asks for nothing more.
fn wanted(request: &AddGrantRequest) -> Result<Wanted> {
    let slug = request.slug.clone();
    let Some(asked) = &request.selector else {
        let object =
            parse_object(request.object.as_ref()).map_err(|why| Error::invalid("object", why))?;
        let Object::NodeGroup(cluster, group) = object else { return Ok(Wanted::Object(object)) };
        let asked = selector::Asked {
            cluster: Some(cluster.0),
            node_group: Some(group.0),
            slug,
            node_group_name: request.object_name.clone(),
            ..selector::Asked::default()
        };
        return Ok(Wanted::Selector(asked, None));
    };
    if request.object.is_some() {
        return Err(Error::invalid("selector", "give either object or selector, not both"));
    }
    let id = |field: &'static str, text: &str| match text {
        "" => Ok(None),
        text => text.parse::<Uuid>().map(Some).map_err(|e| Error::invalid(field, e.to_string())),
    };
    let (cluster, node_group) = (
        id("selector.cluster_id", &asked.cluster_id)?,
        id("selector.node_group", &asked.node_group)?,
    );
    let mut tags = asked.tags.clone();
    tags.sort();
    tags.dedup();
    for tag in &tags {
        SelectorText::check_tag(tag).map_err(|why| Error::invalid("selector", why))?;
    }
    let said = SelectorText {
        cluster: cluster.map(|id| id.to_string()),
        node_group: node_group.map(|id| id.to_string()),
        owner: Some(asked.owner.clone()).filter(|owner| !owner.is_empty()),
        tags: tags.clone(),
    };
    said.check().map_err(|why| Error::invalid("selector", why))?;
    let owner = said.owner.as_deref().map(PersonaName::parse).transpose();
    let owner = owner.map_err(|why| Error::invalid("selector", why))?;
    let node_group_name = bounded("selector.node_group_name", &asked.node_group_name)?.to_owned();
    let asked = selector::Asked { cluster, node_group, owner: None, tags, slug, node_group_name };
    Ok(Wanted::Selector(asked, owner))
}

/// Where rights stand that are on an object; with what counts on it because it is in something, and of a cluster
/// with what is on parts of it.
pub(super) async fn around(
    connection: &mut PgConnection,
    object: Object,
    inherited: bool,
) -> Result<Vec<Place>> {
    let around = object.and_around().take(if inherited { usize::MAX } else { 1 });
    let mut places: Vec<Place> = around.filter_map(Place::of).collect();
    let by = match object {
        Object::Instance(cluster, instance) if inherited => {
            selector::around(connection, (cluster.0, instance.0)).await?
        }
        Object::Cluster(cluster) if inherited => {
            selector::within(connection, cluster.0, None).await?
        }
        Object::NodeGroup(cluster, group) => {
            selector::within(connection, cluster.0, Some(group.0)).await?
        }
        Object::Fleet | Object::Cluster(_) | Object::Selector(_) | Object::Instance(..) => {
            Vec::new()
        }
    };
    places.extend(by);
    Ok(places)
}

/// Goes on only with a role that there is, and that can be given where this may be held. Who holds `admin` on an
/// object has all that can be, so nobody gives what they lack.
async fn grantable(
    connection: &mut PgConnection,
    name: &str,
    may_hold: PermissionSet,
) -> Result<()> {
    let Some(row) = role::share(connection, name).await? else {
        let shown: String = name.chars().take(64).collect();
        return Err(Error::invalid("role", format!("there is no role {shown:?}")));
    };
    fits(&row.name, &row.permissions, may_hold).map_err(|why| Error::invalid("role", why))
}

/// Whom a grant is for.
async fn grantee(connection: &mut PgConnection, persona: &str) -> Result<PersonaRow> {
    let name = PersonaName::parse(persona).map_err(|why| Error::invalid("persona", why))?;
    let found = persona::by_name(connection, &name).await?;
    found.ok_or_else(|| {
        Error::invalid("persona", format!("there is no {} {}", name.kind, name.name))
    })
}

fn taken_meanwhile() -> Error {
    Error::Database(gwm_pg::Error::RowsAffected { expected: 1, actual: 0 })
}

/// A name for the records is one that Ganeti takes.
fn bounded<'a>(field: &'static str, text: &'a str) -> Result<&'a str> {
    if text.len() > 255 || text.chars().any(char::is_control) {
        return Err(Error::invalid(field, "at most 255 characters, without control characters"));
    }
    Ok(text)
}

/// The record stands with the object that the right is on, and names the persona.
fn act(action: &'static str, row: &GrantRow, principal: &Principal) -> Entry {
    let object = row.object();
    let (id, name) = match object {
        Object::Fleet => (None, None),
        Object::Cluster(cluster) => (Some(cluster.to_string()), row.slug.clone()),
        Object::NodeGroup(_, group) => (Some(group.to_string()), row.node_group_name.clone()),
        Object::Selector(selector) => (Some(selector.to_string()), row.selector()),
        Object::Instance(_, instance) => (Some(instance.to_string()), row.object_name.clone()),
    };
    let details = [
        ("role", row.role.clone()),
        ("persona", row.persona()),
        ("persona_id", row.persona_id.to_string()),
        ("grant_id", row.grant_id.to_string()),
    ];
    Entry {
        action,
        person: Some(person(principal)),
        cluster: row
            .cluster_id
            .map(|id| Cluster { id, slug: row.slug.clone().unwrap_or_default() }),
        object: Some(RecordObject { kind: object.kind().to_owned(), id, name }),
        details: details.map(|(key, value)| (key.to_owned(), value.into())).into(),
    }
}
