//! Console tickets. All times are the database's.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::seconds;
use crate::error::Result;

/// What a ticket is bound to.
#[derive(Debug, Clone)]
pub(crate) struct NewTicket<'a> {
    pub(crate) token_hash: &'a [u8],
    pub(crate) user_id: Uuid,
    pub(crate) session_id: Option<Uuid>,
    pub(crate) token_id: Option<Uuid>,
    pub(crate) acting_as: Option<Uuid>,
    pub(crate) cluster_id: Uuid,
    pub(crate) instance_uuid: Uuid,
    pub(crate) kind: &'a str,
}

/// A ticket that was just redeemed, with its user.
#[derive(Debug, FromRow)]
pub(crate) struct Redeemed {
    pub(crate) user_id: Uuid,
    pub(crate) username: String,
    pub(crate) is_admin: bool,
    pub(crate) session_id: Option<Uuid>,
    pub(crate) token_id: Option<Uuid>,
    pub(crate) acting_as: Option<Uuid>,
    pub(crate) cluster_id: Uuid,
    pub(crate) instance_uuid: Uuid,
    pub(crate) kind: String,
    /// Of the token.
    pub(crate) restricted: bool,
    pub(crate) until: Option<DateTime<Utc>>,
}

/// Adds one; yields when it is over.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    ticket: &NewTicket<'_>,
    lifetime: Duration,
) -> Result<DateTime<Utc>> {
    Ok(sqlx::query_scalar(
        "insert into console_ticket (ticket_id, token_hash, user_id, session_id, token_id,
             cluster_id, instance_uuid, kind, expires_at, acting_as)
         values ($1, $2, $3, $4, $5, $6, $7, $8, now() + make_interval(secs => $9), $10)
         returning expires_at",
    )
    .bind(Uuid::now_v7())
    .bind(ticket.token_hash)
    .bind(ticket.user_id)
    .bind(ticket.session_id)
    .bind(ticket.token_id)
    .bind(ticket.cluster_id)
    .bind(ticket.instance_uuid)
    .bind(ticket.kind)
    .bind(seconds(lifetime))
    .bind(ticket.acting_as)
    .fetch_one(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// Redeems the ticket if it can be: of any number of callers one gets the row.
pub(crate) async fn redeem(
    connection: &mut PgConnection,
    token_hash: &[u8],
    client_address: &str,
) -> Result<Option<Redeemed>> {
    Ok(sqlx::query_as(
        "update console_ticket set redeemed_at = now(), redeemed_address = $2 from app_user
         where token_hash = $1 and redeemed_at is null and console_ticket.expires_at > now()
           and app_user.user_id = console_ticket.user_id and not disabled
         returning console_ticket.user_id, username, is_admin, session_id, token_id, cluster_id,
             instance_uuid, kind, console_ticket.acting_as,
             coalesce((select restricted from api_token t where t.token_id = console_ticket.token_id),
                 false) as restricted,
             (select t.expires_at from api_token t where t.token_id = console_ticket.token_id) as until",
    )
    .bind(token_hash)
    .bind(client_address)
    .fetch_optional(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// Whether the session or token that a ticket was made with still counts.
pub(crate) async fn sign_in_lives(
    connection: &mut PgConnection,
    ticket: &Redeemed,
    times: &crate::config::SessionConfig,
) -> Result<bool> {
    Ok(sqlx::query_scalar(
        "select exists (
             select from session where session_id = $1 and ended_at is null
               and last_seen_at > now() - make_interval(secs => $3)
               and created_at > now() - make_interval(secs => $4))
         or exists (select from api_token where token_id = $2 and revoked_at is null
               and coalesce(expires_at > now(), true))",
    )
    .bind(ticket.session_id)
    .bind(ticket.token_id)
    .bind(seconds(times.idle))
    .bind(seconds(times.absolute))
    .fetch_one(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}
