//! API tokens.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use gwm_types::Object;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::grant::Place;
use super::session::Resolved;
use super::{grant, seconds};
use crate::domain::{TokenScope, permissions};
use crate::error::Result;

/// A use is recorded at most this often.
pub(crate) const TOUCH_EVERY: Duration = Duration::from_secs(60);

/// A token, without its secret.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct TokenRow {
    pub(crate) token_id: Uuid,
    pub(crate) user_id: Uuid,
    pub(crate) username: String,
    pub(crate) name: String,
    pub(crate) prefix: String,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) last_used_at: Option<DateTime<Utc>>,
    pub(crate) revoked_at: Option<DateTime<Utc>>,
    pub(crate) expires_at: Option<DateTime<Utc>>,
    pub(crate) networks: Vec<String>,
    pub(crate) persona_id: Option<Uuid>,
    pub(crate) role_ids: Option<Vec<Uuid>>,
    pub(crate) restricted: bool,
    pub(crate) last_address: String,
}

/// A new one, without the secret.
#[derive(Debug, Clone, Default)]
pub(crate) struct NewToken {
    pub(crate) name: String,
    pub(crate) prefix: String,
    pub(crate) token_hash: Vec<u8>,
    pub(crate) expires_at: Option<DateTime<Utc>>,
    pub(crate) networks: Vec<String>,
    pub(crate) persona_id: Option<Uuid>,
    /// None: all that the owner may.
    pub(crate) role_ids: Option<Vec<Uuid>>,
    /// None: everything.
    pub(crate) objects: Option<Vec<TokenObject>>,
}

/// What a token is for, and what that was called when it was made.
#[derive(Debug, Clone)]
pub(crate) struct TokenObject {
    pub(crate) object: Object,
    pub(crate) slug: String,
    pub(crate) name: String,
}

/// Adds one; what it is for is there when anybody can see it.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    user: Uuid,
    new: &NewToken,
) -> Result<TokenRow> {
    let row: TokenRow = sqlx::query_as(
        "with made as (
             insert into api_token (token_id, user_id, name, prefix, token_hash, expires_at, networks,
                 persona_id, role_ids, on_objects)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) returning *)
         select token_id, user_id, username, name, prefix, made.created_at, last_used_at,
             revoked_at, expires_at, networks, persona_id, role_ids, restricted, last_address
         from made join app_user using (user_id)",
    )
    .bind(Uuid::now_v7())
    .bind(user)
    .bind(&new.name)
    .bind(&new.prefix)
    .bind(&new.token_hash)
    .bind(new.expires_at)
    .bind(&new.networks)
    .bind(new.persona_id)
    .bind(&new.role_ids)
    .bind(new.objects.is_some())
    .fetch_one(&mut *connection)
    .await
    .map_err(gwm_pg::Error::from)?;
    let objects = new.objects.as_deref().unwrap_or_default();
    let places: Vec<Place> = objects.iter().filter_map(|of| Place::of(of.object)).collect();
    let clusters: Vec<_> = places.iter().map(|place| place.cluster).collect();
    let instances: Vec<_> = places.iter().map(|place| place.instance).collect();
    sqlx::query(
        "insert into api_token_object (token_id, cluster_id, instance_uuid, slug, object_name)
         select $1, c, i, nullif(s, ''), nullif(n, '')
         from unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[]) as l (c, i, s, n)",
    )
    .bind(row.token_id)
    .bind(clusters)
    .bind(instances)
    .bind(objects.iter().map(|of| of.slug.as_str()).collect::<Vec<_>>())
    .bind(objects.iter().map(|of| of.name.as_str()).collect::<Vec<_>>())
    .execute(connection)
    .await
    .map_err(gwm_pg::Error::from)?;
    Ok(row)
}

/// What these tokens are for, by token; one that is for everything has nothing here.
pub(crate) async fn objects(
    connection: &mut PgConnection,
    tokens: &[Uuid],
) -> Result<HashMap<Uuid, Vec<TokenObject>>> {
    #[derive(FromRow)]
    struct Row {
        token_id: Uuid,
        cluster_id: Option<Uuid>,
        instance_uuid: Option<Uuid>,
        slug: Option<String>,
        object_name: Option<String>,
    }
    let rows: Vec<Row> = sqlx::query_as(
        "select token_id, cluster_id, instance_uuid, slug, object_name
         from api_token_object where token_id = any($1) order by slug, object_name",
    )
    .bind(tokens)
    .fetch_all(connection)
    .await
    .map_err(gwm_pg::Error::from)?;
    let mut found: HashMap<Uuid, Vec<TokenObject>> = HashMap::new();
    for row in rows {
        let object = grant::object(row.cluster_id, row.instance_uuid);
        let (slug, name) = (row.slug.unwrap_or_default(), row.object_name.unwrap_or_default());
        found.entry(row.token_id).or_default().push(TokenObject { object, slug, name });
    }
    Ok(found)
}

/// A restricted token, for the watch.
#[derive(Debug)]
pub(crate) struct Restricted {
    pub(crate) token_id: Uuid,
    pub(crate) scope: TokenScope,
}

/// The restricted tokens of these users, or of all, that still count; by user.
pub(crate) async fn restricted(
    connection: &mut PgConnection,
    users: Option<&[Uuid]>,
) -> Result<HashMap<Uuid, Vec<Restricted>>> {
    #[derive(FromRow)]
    struct Row {
        token_id: Uuid,
        user_id: Uuid,
        persona_id: Option<Uuid>,
        on_roles: bool,
        permissions: Vec<String>,
        on_objects: bool,
    }
    let rows: Vec<Row> = sqlx::query_as(
        "select token_id, user_id, persona_id, role_ids is not null as on_roles, on_objects,
             array(select distinct unnest(permissions) from role where role_id = any(role_ids)) as permissions
         from api_token where restricted and revoked_at is null
             and ($1::uuid[] is null or user_id = any($1))",
    )
    .bind(users)
    .fetch_all(&mut *connection)
    .await
    .map_err(gwm_pg::Error::from)?;
    if rows.is_empty() {
        return Ok(HashMap::new());
    }
    let on: Vec<Uuid> = rows.iter().filter(|r| r.on_objects).map(|r| r.token_id).collect();
    let mut objects = objects(connection, &on).await?;
    let mut found: HashMap<Uuid, Vec<Restricted>> = HashMap::new();
    for row in rows {
        let on = objects.remove(&row.token_id).unwrap_or_default();
        let scope = TokenScope {
            persona: row.persona_id,
            permissions: row.on_roles.then(|| permissions(&row.permissions)),
            objects: row.on_objects.then(|| on.into_iter().map(|of| of.object).collect()),
        };
        found.entry(row.user_id).or_default().push(Restricted { token_id: row.token_id, scope });
    }
    Ok(found)
}

/// A user's, newest first.
pub(crate) async fn list(connection: &mut PgConnection, user: Uuid) -> Result<Vec<TokenRow>> {
    Ok(sqlx::query_as(
        "select token_id, user_id, username, name, prefix, api_token.created_at, last_used_at,
             revoked_at, expires_at, networks, persona_id, role_ids, restricted, last_address
         from api_token join app_user using (user_id)
         where user_id = $1 and revoked_at is null order by api_token.created_at desc, token_id",
    )
    .bind(user)
    .fetch_all(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// How many a user has; none for one who was disabled a moment ago. Others of the same user wait
/// until this transaction ends.
pub(crate) async fn count_locked(connection: &mut PgConnection, user: Uuid) -> Result<Option<i64>> {
    let enabled: Option<bool> =
        sqlx::query_scalar("select not disabled from app_user where user_id = $1 for update")
            .bind(user)
            .fetch_optional(&mut *connection)
            .await
            .map_err(gwm_pg::Error::from)?;
    if enabled != Some(true) {
        return Ok(None);
    }
    let count = sqlx::query_scalar(
        "select count(*) from api_token where user_id = $1 and revoked_at is null",
    )
    .bind(user)
    .fetch_one(connection)
    .await
    .map_err(gwm_pg::Error::from)?;
    Ok(Some(count))
}

/// The person behind a token that is neither revoked nor over.
pub(crate) async fn resolve(
    connection: &mut PgConnection,
    token_hash: &[u8],
    address: &str,
) -> Result<Option<Resolved>> {
    Ok(sqlx::query_as(
        "select token_id as credential_id, user_id, username, is_admin, app_user.created_at,
                coalesce(last_used_at < now() - make_interval(secs => $2), true)
                    or last_address <> $3 as stale,
                restricted, expires_at, networks, persona_id, name as token_name
         from api_token join app_user using (user_id)
         where token_hash = $1 and revoked_at is null and not disabled
           and coalesce(expires_at > now(), true)",
    )
    .bind(token_hash)
    .bind(seconds(TOUCH_EVERY))
    .bind(address)
    .fetch_optional(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// Records that it is used, and from where. Of many requests at once the first one writes.
pub(crate) async fn touch(connection: &mut PgConnection, token: Uuid, address: &str) -> Result<()> {
    sqlx::query(
        "update api_token set last_used_at = now(), last_address = $3
             where token_id = $1
               and (coalesce(last_used_at < now() - make_interval(secs => $2), true)
                    or last_address <> $3 and last_used_at < now() - make_interval(secs => 1))",
    )
    .bind(token)
    .bind(seconds(TOUCH_EVERY))
    .bind(address)
    .execute(connection)
    .await
    .map_err(gwm_pg::Error::from)?;
    Ok(())
}

/// Whether who came with this token may make what outlives it: a token that ends, counts from some networks only or
/// may do less than its owner must not lead to one that doesn't. Without a token: yes. It can't be revoked before this
/// transaction ends.
pub(crate) async fn lends(connection: &mut PgConnection, token: Option<Uuid>) -> Result<bool> {
    let Some(token) = token else { return Ok(true) };
    let found: Option<bool> = sqlx::query_scalar(
        "select expires_at is null and cardinality(networks) = 0 and not restricted
         from api_token where token_id = $1 and revoked_at is null for share",
    )
    .bind(token)
    .fetch_optional(connection)
    .await
    .map_err(gwm_pg::Error::from)?;
    Ok(found == Some(true))
}

/// Whether the user has, or had, such a token.
pub(crate) async fn is_of(connection: &mut PgConnection, token: Uuid, user: Uuid) -> Result<bool> {
    Ok(sqlx::query_scalar(
        "select exists (select from api_token where token_id = $1 and user_id = $2)",
    )
    .bind(token)
    .bind(user)
    .fetch_one(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// Revokes these of a user that are not revoked yet: one, or all.
pub(crate) async fn revoke(
    connection: &mut PgConnection,
    user: Uuid,
    only: Option<Uuid>,
) -> Result<Vec<TokenRow>> {
    Ok(sqlx::query_as(
        "update api_token set revoked_at = now() from app_user
         where api_token.user_id = $1 and ($2::uuid is null or token_id = $2)
           and revoked_at is null and app_user.user_id = api_token.user_id
         returning token_id, api_token.user_id, username, name, prefix, api_token.created_at,
             last_used_at, revoked_at, expires_at, networks, persona_id, role_ids, restricted,
             last_address",
    )
    .bind(user)
    .bind(only)
    .fetch_all(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// Revokes those that are over by time, at most 500; rows that another replica is at are left to it.
pub(crate) async fn end_expired(connection: &mut PgConnection) -> Result<Vec<TokenRow>> {
    Ok(sqlx::query_as(
        "with due as (
             select token_id from api_token
             where revoked_at is null and expires_at <= now()
             order by expires_at limit 500 for update skip locked)
         update api_token set revoked_at = now() from due, app_user
         where api_token.token_id = due.token_id and app_user.user_id = api_token.user_id
         returning api_token.token_id, api_token.user_id, username, name, prefix, api_token.created_at,
             last_used_at, revoked_at, expires_at, networks, persona_id, role_ids, restricted,
             last_address",
    )
    .fetch_all(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// Who has tokens that only do what this role allows.
pub(crate) async fn owners_by_role(connection: &mut PgConnection, role: Uuid) -> Result<Vec<Uuid>> {
    Ok(sqlx::query_scalar(
        "select distinct user_id from api_token
         where restricted and revoked_at is null and role_ids @> array[$1]",
    )
    .bind(role)
    .fetch_all(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// Whether it is time to put on record once more that the token came from where it doesn't count: a thief's
/// script must not fill the log.
pub(crate) async fn note_refusal(connection: &mut PgConnection, token: Uuid) -> Result<bool> {
    let done = sqlx::query(
        "update api_token set refused_at = now()
         where token_id = $1 and coalesce(refused_at < now() - interval '10 seconds', true)",
    )
    .bind(token)
    .execute(connection)
    .await
    .map_err(gwm_pg::Error::from)?;
    Ok(done.rows_affected() == 1)
}
