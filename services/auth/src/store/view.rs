//! Saved views of lists.

use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use crate::error::Result;

/// A view of a user's.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct ViewRow {
    pub(crate) view_id: Uuid,
    pub(crate) list: String,
    pub(crate) name: String,
    pub(crate) q: String,
    pub(crate) sort: String,
    pub(crate) columns: Vec<String>,
    pub(crate) is_default: bool,
    pub(crate) updated_at: DateTime<Utc>,
}

/// What a view is made of.
#[derive(Debug)]
pub(crate) struct NewView<'a> {
    pub(crate) list: &'a str,
    pub(crate) name: &'a str,
    pub(crate) q: &'a str,
    pub(crate) sort: &'a str,
    pub(crate) columns: &'a [String],
    pub(crate) is_default: bool,
}

const COLUMNS: &str = "view_id, list, name, q, sort, columns, is_default, updated_at";

/// A user's, of one list or of all, by name.
pub(crate) async fn list(
    connection: &mut PgConnection,
    user: Uuid,
    list: Option<&str>,
) -> Result<Vec<ViewRow>> {
    let sql = format!(
        "select {COLUMNS} from saved_view where user_id = $1 and ($2::text is null or list = $2)
         order by list, name, view_id"
    );
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(user)
        .bind(list)
        .fetch_all(connection)
        .await
        .map_err(gwm_pg::Error::from)?)
}

/// How many a user has besides the one of this name. Others of the same user wait until this
/// transaction ends.
pub(crate) async fn count_others_locked(
    connection: &mut PgConnection,
    user: Uuid,
    view: &NewView<'_>,
) -> Result<i64> {
    sqlx::query("select from app_user where user_id = $1 for update")
        .bind(user)
        .execute(&mut *connection)
        .await
        .map_err(gwm_pg::Error::from)?;
    Ok(sqlx::query_scalar(
        "select count(*) from saved_view where user_id = $1 and (list, name) <> ($2, $3)",
    )
    .bind(user)
    .bind(view.list)
    .bind(view.name)
    .fetch_one(connection)
    .await
    .map_err(gwm_pg::Error::from)?)
}

/// Makes one, or replaces the one of that name; of a list's views one at most is the default.
pub(crate) async fn save(
    connection: &mut PgConnection,
    user: Uuid,
    view: &NewView<'_>,
) -> Result<ViewRow> {
    if view.is_default {
        sqlx::query(
            "update saved_view set is_default = false
             where user_id = $1 and list = $2 and name <> $3 and is_default",
        )
        .bind(user)
        .bind(view.list)
        .bind(view.name)
        .execute(&mut *connection)
        .await
        .map_err(gwm_pg::Error::from)?;
    }
    let sql = format!(
        "insert into saved_view (view_id, user_id, list, name, q, sort, columns, is_default)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict (user_id, list, name) do update set q = excluded.q, sort = excluded.sort,
             columns = excluded.columns, is_default = excluded.is_default, updated_at = now()
         returning {COLUMNS}"
    );
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(Uuid::now_v7())
        .bind(user)
        .bind(view.list)
        .bind(view.name)
        .bind(view.q)
        .bind(view.sort)
        .bind(view.columns)
        .bind(view.is_default)
        .fetch_one(connection)
        .await
        .map_err(gwm_pg::Error::from)?)
}

/// Removes one of a user's; false when there is none.
pub(crate) async fn delete(connection: &mut PgConnection, user: Uuid, view: Uuid) -> Result<bool> {
    let done = sqlx::query("delete from saved_view where user_id = $1 and view_id = $2")
        .bind(user)
        .bind(view)
        .execute(connection)
        .await
        .map_err(gwm_pg::Error::from)?;
    Ok(done.rows_affected() > 0)
}
