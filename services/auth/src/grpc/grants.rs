//! Who may do what.

use gwm_authz::{Mode, Principal};
use gwm_events::types::audit::RecordObject;
use gwm_proto::auth::grants_server::Grants;
use gwm_proto::auth::{
    AddGrantRequest, Grant, ListGrantsRequest, ListGrantsResponse, RemoveGrantRequest,
    RemoveGrantResponse,
};
use gwm_types::{GrantId, Object, Permission};
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::{Rpcs, convert};
use crate::app::{person, require_admin_of};
use crate::domain::{PersonaName, fits, parse_object};
use crate::error::{Error, Result};
use crate::store::audit::Entry;
use crate::store::grant::GrantRow;
use crate::store::persona::PersonaRow;
use crate::store::{PgConnection, audit, change, commit, event, grant, group, persona, role};

#[async_trait]
impl Grants for Rpcs {
    async fn add_grant(
        &self,
        request: Request<AddGrantRequest>,
    ) -> Result<Response<Grant>, Status> {
        let principal = self.authz.principal(&request, Mode::Write)?;
        let request = request.into_inner();
        let object =
            parse_object(request.object.as_ref()).map_err(|why| Error::invalid("object", why))?;
        require_admin_of(&self.authz, &self.store, &principal, "grant.add", object).await?;
        let mut tx = self.store.begin().await?;
        grantable(&mut tx, &request.role, object).await?;
        let whom = grantee(&mut tx, &request.persona).await?;
        let by = Some(principal.username.as_str());
        let role = request.role.as_str();
        let called = grant::Called {
            slug: bounded("slug", &request.slug)?,
            name: bounded("object_name", &request.object_name)?,
        };
        let Some(row) = grant::insert(&mut tx, &whom, role, object, called, by).await? else {
            // Had already: the answer is the same, and nothing happened.
            let row = grant::find(&mut tx, whom.persona_id, role, object).await?;
            let row = row.ok_or_else(taken_meanwhile)?;
            commit(tx).await?;
            return Ok(Response::new(convert::grant(row)));
        };
        change::record(&mut tx, &change::Touched::holders([&row])).await?;
        let actor = event::actor_of(&principal);
        event::grant_added(&mut tx, &row, row.created_at, Some(actor)).await?;
        audit::append_all(&mut tx, vec![act("grant.add", &row, &principal)]).await?;
        commit(tx).await?;
        Ok(Response::new(convert::grant(row)))
    }

    async fn remove_grant(
        &self,
        request: Request<RemoveGrantRequest>,
    ) -> Result<Response<RemoveGrantResponse>, Status> {
        let principal = self.authz.principal(&request, Mode::Write)?;
        let grant_id: GrantId =
            request.into_inner().grant_id.parse().map_err(|_| Error::NotFound("grant"))?;
        let mut tx = self.store.begin().await?;
        let object = grant::fetch_object(&mut tx, grant_id.0).await?;
        commit(tx).await?;
        let object = object.ok_or(Error::NotFound("grant"))?;
        require_admin_of(&self.authz, &self.store, &principal, "grant.remove", object).await?;
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
            // What oneself or a group that one belongs to may do is no secret.
            Some(id) => id == me || group::membership(&mut tx, id, me).await?.is_some(),
        };
        if !own {
            commit(tx).await?;
            let of = object.unwrap_or(Object::Fleet);
            require_admin_of(&self.authz, &self.store, &principal, "grant.list", of).await?;
            tx = self.store.begin().await?;
        }
        let objects: Option<Vec<Object>> = object.map(|object| {
            let around = object.and_around().take(if request.inherited { usize::MAX } else { 1 });
            around.filter(|o| own || self.authz.allows(&principal, Permission::Admin, *o)).collect()
        });
        let rows = grant::list(&mut tx, objects.as_deref(), persona).await?;
        commit(tx).await?;
        let grants = rows.into_iter().map(convert::grant).collect();
        Ok(Response::new(ListGrantsResponse { grants }))
    }
}

/// Goes on only with a role that there is, and that can be given on the object. Who holds `admin` on an
/// object has all that can be, so nobody gives what they lack.
async fn grantable(connection: &mut PgConnection, name: &str, object: Object) -> Result<()> {
    let Some(row) = role::share(connection, name).await? else {
        let shown: String = name.chars().take(64).collect();
        return Err(Error::invalid("role", format!("there is no role {shown:?}")));
    };
    fits(&row.name, &row.permissions, object.may_hold()).map_err(|why| Error::invalid("role", why))
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
        cluster: row.slug.clone(),
        object: Some(RecordObject { kind: object.kind().to_owned(), id, name }),
        details: details.map(|(key, value)| (key.to_owned(), value.into())).into(),
    }
}
