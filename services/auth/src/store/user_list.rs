//! The list of users.

use gwm_pg::{Error, outbox};
use gwm_query::{Cursor, Expr, Field, Key, Kind, Sort, Table};
use sqlx::{FromRow, Postgres, QueryBuilder};

use super::Store;
use super::audit_list::ListError;
use super::user::UserRow;

/// Totals are exact up to here.
const COUNTED: i64 = 10_000;
/// Suggestions come from this many users.
const SOME: i64 = 2000;

const MOMENT: Kind = Kind::Time { order: "::timestamptz" };

/// What users can be asked about.
pub(crate) static TABLE: Table = Table {
    name: "users",
    fields: &[
        field(
            &["username", "name", "user"],
            "username",
            Kind::Lower,
            Some("username collate \"C\""),
        ),
        field(&["id"], "user_id::text", Kind::Lower, None),
        field(&["admin", "is_admin"], "is_admin", Kind::Flag, None),
        field(&["disabled"], "disabled", Kind::Flag, None),
        field(&["second_factor", "2fa"], "second_factor", Kind::Flag, None),
        field(&["from", "origin"], "coalesce(origin, 'local')", Kind::Lower, None),
        field(&["created"], "created_at", MOMENT, Some("created_at")),
        field(
            &["last_login", "seen"],
            "last_login_at",
            MOMENT,
            Some("coalesce(last_login_at, '-infinity'::timestamptz)"),
        ),
    ],
    words: "username",
    default_sort: "username",
    keys: &[Key { sql: "user_id", cast: "uuid" }],
};

const fn field(
    names: &'static [&'static str],
    sql: &'static str,
    kind: Kind,
    order: Option<&'static str>,
) -> Field {
    Field { names, sql, kind, order }
}

/// Which of them.
#[derive(Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) filter: &'a Expr,
    pub(crate) sort: &'a Sort,
    pub(crate) limit: i64,
    pub(crate) cursor: Option<&'a Cursor>,
}

/// A page of them.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) users: Vec<UserRow>,
    pub(crate) next: Option<Cursor>,
    pub(crate) total: u64,
    pub(crate) total_exact: bool,
    /// Only on the first page.
    pub(crate) stream_sequence: Option<u64>,
}

#[derive(Debug, FromRow)]
struct Row {
    place: String,
    #[sqlx(flatten)]
    user: UserRow,
}

/// Reads one page; all in one snapshot, so that a consumer that starts after the stream sequence
/// misses nothing.
pub(crate) async fn page(store: &Store, wanted: &Wanted<'_>) -> Result<Page, ListError> {
    let mut tx = store.begin_snapshot().await?;
    let mut sql = QueryBuilder::new("select ");
    sql.push(wanted.sort.place_sql());
    sql.push(
        " as place, user_id, username, is_admin, disabled, revision, created_at, last_login_at,
             second_factor, origin
         from app_user where ",
    );
    gwm_query::push_filter(&mut sql, &TABLE, wanted.filter)?;
    gwm_query::push_after(&mut sql, &TABLE, wanted.sort, wanted.cursor);
    gwm_query::push_order(&mut sql, &TABLE, wanted.sort, wanted.limit);
    let mut rows: Vec<Row> = sql.build_query_as().fetch_all(&mut *tx).await.map_err(Error::from)?;
    let (total, total_exact, stream_sequence) = match wanted.cursor {
        Some(cursor) => (cursor.total, cursor.total_exact, None),
        None => {
            let mut sql: QueryBuilder<Postgres> =
                QueryBuilder::new("select count(*) from (select from app_user where ");
            gwm_query::push_filter(&mut sql, &TABLE, wanted.filter)?;
            sql.push(" limit ").push_bind(COUNTED + 1).push(") as counted");
            let counted: i64 =
                sql.build_query_scalar().fetch_one(&mut *tx).await.map_err(Error::from)?;
            let sequence = outbox::acknowledged_sequence(&mut tx, "access").await?;
            let total = u64::try_from(counted.min(COUNTED)).unwrap_or_default();
            (total, counted <= COUNTED, Some(u64::try_from(sequence).unwrap_or_default()))
        }
    };
    tx.commit().await.map_err(Error::from)?;
    let size = usize::try_from(wanted.limit).unwrap_or(usize::MAX);
    let more = rows.len() > size;
    rows.truncate(size);
    let next = rows.last().filter(|_| more).map(|last| {
        let keys = vec![last.user.user_id.to_string()];
        Cursor::after(last.place.clone(), keys, total, total_exact)
    });
    let users = rows.into_iter().map(|row| row.user).collect();
    Ok(Page { users, next, total, total_exact, stream_sequence })
}

/// Values of a field that begin so.
pub(crate) async fn values(
    store: &Store,
    field: &Field,
    prefix: &str,
) -> Result<Vec<String>, ListError> {
    let mut sql = QueryBuilder::new("");
    let asked = gwm_query::push_values(&mut sql, field, prefix, |sql| {
        sql.push(" from (select * from app_user order by username limit ");
        sql.push_bind(SOME).push(") as some_users");
    });
    if !asked {
        return Ok(Vec::new());
    }
    let mut tx = store.begin().await?;
    let values = sql.build_query_scalar().fetch_all(&mut *tx).await.map_err(Error::from)?;
    tx.commit().await.map_err(Error::from)?;
    Ok(values)
}
