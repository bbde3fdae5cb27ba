//! Users and groups, where it makes no difference which.

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
