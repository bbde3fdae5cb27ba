//! Users and groups, where it makes no difference which.

use std::collections::HashMap;

use gwm_authz::ActingAs;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use crate::domain::PersonaName;
use crate::error::Result;

/// A user or a group.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct PersonaRow {
    pub(crate) persona_id: Uuid,
    /// `user` or `group`.
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) disabled: bool,
}

/// Those of these names, in no order.
pub(crate) async fn by_names(
    connection: &mut PgConnection,
    names: &[PersonaName],
) -> Result<Vec<PersonaRow>> {
    Ok(sqlx::query_as(
        "select persona_id, kind, name, disabled from persona
         where (kind, name) in (select * from unnest($1::text[], $2::text[]))",
    )
    .bind(names.iter().map(|n| n.kind).collect::<Vec<_>>())
    .bind(names.iter().map(|n| n.name.as_str()).collect::<Vec<_>>())
    .fetch_all(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// One, by name.
pub(crate) async fn by_name(
    connection: &mut PgConnection,
    name: &PersonaName,
) -> Result<Option<PersonaRow>> {
    Ok(by_names(connection, std::slice::from_ref(name)).await?.pop())
}

/// Those that use something in a place, or have limits of their own there, by `kind/name` after this one.
pub(crate) async fn with_quota(
    connection: &mut PgConnection,
    place: Uuid,
    after: &str,
    limit: i64,
) -> Result<Vec<PersonaRow>> {
    Ok(sqlx::query_as(
        "select persona_id, kind, name, disabled from persona p
         where kind || '/' || name > $2 collate \"C\"
           and (exists (select from quota q where q.place_id = $1 and q.persona_id = p.persona_id)
             or exists (select from instance_owner o where o.owner_id = p.persona_id
                 and o.buried_at is null and (o.cluster_id = $1 or $4))
             or exists (select from reservation r
                 where (r.persona_id = p.persona_id or r.asked_by = p.persona_id)
                 and (r.cluster_id = $1 or $4)))
         order by (kind || '/' || name) collate \"C\" limit $3",
    )
    .bind(place)
    .bind(after)
    .bind(limit)
    .bind(place == crate::domain::ALL)
    .fetch_all(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// `user/NAME` or `group/NAME` of one.
pub(crate) async fn name_of(
    connection: &mut PgConnection,
    persona: Uuid,
) -> Result<Option<String>> {
    Ok(names(connection, &[persona]).await?.remove(&persona))
}

/// What those of these ids are called: `user/NAME` or `group/NAME`.
pub(crate) async fn names(
    connection: &mut PgConnection,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, String>> {
    let rows: Vec<(Uuid, String)> = sqlx::query_as(
        "select persona_id, kind || '/' || name from persona where persona_id = any($1)",
    )
    .bind(ids)
    .fetch_all(connection)
    .await
    .map_err(gwm_pg::Error::from)?;
    Ok(rows.into_iter().collect())
}

/// The group of this id or name, if the user belongs to it.
pub(crate) async fn group_of(
    connection: &mut PgConnection,
    user: Uuid,
    group: Option<Uuid>,
    name: Option<&str>,
) -> Result<Option<ActingAs>> {
    let found: Option<(Uuid, String)> = sqlx::query_as(
        "select group_id, name from group_member join persona_group using (group_id)
         where user_id = $1 and (group_id = $2 or name = $3)",
    )
    .bind(user)
    .bind(group)
    .bind(name)
    .fetch_optional(connection)
    .await
    .map_err(gwm_pg::Error::from)?;
    Ok(found.map(|(group_id, name)| ActingAs { group_id, name }))
}
