//! Many rows in one statement: records turned into a column each, for `unnest`.
//!
//! The columns' types are the table's own, so a new column is a field of the record and a name in
//! [`Item::COLUMNS`], and nothing here.

use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, RwLock};

use serde::Deserializer as _;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;
use sqlx::PgConnection;
use uuid::Uuid;

use super::Item;
use crate::error::Result;

/// What Postgres calls the type of each column of a table.
pub(super) type Types = Arc<HashMap<String, String>>;

static TYPES: RwLock<Option<HashMap<&'static str, Types>>> = RwLock::new(None);

/// Rows to be written, in the order of [`Item::COLUMNS`].
pub(super) struct Columns<T> {
    types: Types,
    columns: Vec<Column>,
    of: PhantomData<fn() -> T>,
}

/// Inserts or overwrites rows of one cluster.
pub(super) async fn upsert<T: Item>(
    connection: &mut PgConnection,
    cluster_id: Uuid,
    items: &[T],
) -> Result<()> {
    if items.is_empty() {
        return Ok(());
    }
    let mut columns = Columns::new(types::<T>(connection).await?, items.len());
    items.iter().for_each(|item| columns.push(item));
    columns.write(connection, cluster_id).await
}

impl<T: Item> Columns<T> {
    pub(super) fn new(types: Types, size: usize) -> Self {
        let column = |name: &&str| match types.get(*name).map_or("text", String::as_str) {
            "bigint" | "integer" | "smallint" => Column::Number(Vec::with_capacity(size)),
            "boolean" => Column::Flag(Vec::with_capacity(size)),
            kind => {
                let kind = match kind {
                    "json" | "jsonb" => Kind::Json,
                    kind if kind.ends_with("[]") => Kind::Array,
                    _ => Kind::Plain,
                };
                Column::Text { kind, values: Vec::with_capacity(size) }
            }
        };
        let columns = T::COLUMNS.iter().map(column).collect();
        Self { types, columns, of: PhantomData }
    }

    pub(super) fn push(&mut self, item: &T) {
        self.try_push(item).expect("records have the columns of their table, with text keys");
    }

    fn try_push(&mut self, item: &T) -> Result<(), serde_json::Error> {
        let text = serde_json::to_string(item)?;
        let fields = serde_json::Deserializer::from_str(&text).deserialize_map(Fields)?;
        // A record's fields are in the order of its columns, or nearly.
        let mut next = 0;
        for (name, column) in T::COLUMNS.iter().zip(&mut self.columns) {
            if fields.get(next).is_none_or(|(field, _)| field != name) {
                next = fields.iter().position(|(field, _)| field == name).unwrap_or(fields.len());
            }
            column.push(fields.get(next).map_or("null", |(_, value)| value.get()))?;
            next += 1;
        }
        Ok(())
    }

    pub(super) async fn write(self, connection: &mut PgConnection, cluster_id: Uuid) -> Result<()> {
        let list = |each: &dyn Fn(usize, &str) -> String| {
            let each = T::COLUMNS.iter().enumerate().map(|(n, c)| each(n, c));
            each.collect::<Vec<_>>().join(", ")
        };
        let kind = |column: &str| self.types.get(column).map_or("text", String::as_str);
        let sql = format!(
            "insert into {table} (cluster_id, {names})
             select $1, {casts} from unnest({binds}) as r ({names})
             on conflict (cluster_id, uuid) do update set {sets}",
            table = T::TABLE,
            names = T::COLUMNS.join(", "),
            casts = list(&|_, c| format!("r.{c}::{}", kind(c))),
            binds = list(&|n, c| format!("${}::{}[]", n + 2, wire(kind(c)))),
            sets = list(&|_, c| format!("{c} = excluded.{c}")),
        );
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(cluster_id);
        for column in self.columns {
            query = match column {
                Column::Text { values, .. } => query.bind(values),
                Column::Number(values) => query.bind(values),
                Column::Flag(values) => query.bind(values),
            };
        }
        query.execute(connection).await?;
        Ok(())
    }
}

/// The fields of an object as they are written.
struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = Vec<(&'de str, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Vec::with_capacity(40);
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(fields)
    }
}

/// As what a column's values travel: numbers and flags as they are, the rest as text.
fn wire(kind: &str) -> &'static str {
    match kind {
        "bigint" | "integer" | "smallint" => "bigint",
        "boolean" => "boolean",
        _ => "text",
    }
}

/// Asked once a process: migrations run before it.
pub(super) async fn types<T: Item>(connection: &mut PgConnection) -> Result<Types> {
    if let Some(all) = &*TYPES.read().expect("no panic while held")
        && let Some(known) = all.get(T::TABLE)
    {
        return Ok(Arc::clone(known));
    }
    let rows: Vec<(String, String)> = sqlx::query_as(
        "select attname::text, format_type(atttypid, null) from pg_attribute
         where attrelid = $1::regclass and attnum > 0 and not attisdropped",
    )
    .bind(T::TABLE)
    .fetch_all(connection)
    .await?;
    let types: Types = Arc::new(rows.into_iter().collect());
    let mut all = TYPES.write().expect("no panic while held");
    all.get_or_insert_default().insert(T::TABLE, types.clone());
    Ok(types)
}

/// The values of one column, row by row.
enum Column {
    Text { kind: Kind, values: Vec<Option<String>> },
    Number(Vec<Option<i64>>),
    Flag(Vec<Option<bool>>),
}

#[derive(Clone, Copy)]
enum Kind {
    Plain,
    Array,
    Json,
}

impl Column {
    fn push(&mut self, json: &str) -> Result<(), serde_json::Error> {
        match self {
            Self::Number(values) => values.push(serde_json::from_str(json)?),
            Self::Flag(values) => values.push(serde_json::from_str(json)?),
            Self::Text { values, .. } if json == "null" => values.push(None),
            Self::Text { kind: Kind::Json, values } => values.push(Some(json.to_owned())),
            Self::Text { kind: Kind::Array, values } => values.push(Some(array(json)?)),
            Self::Text { kind: Kind::Plain, values } => values.push(Some(plain(json)?)),
        }
        Ok(())
    }
}

/// The text of a JSON string.
fn plain(json: &str) -> Result<String, serde_json::Error> {
    match json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(bare) if !bare.contains('\\') => Ok(bare.to_owned()),
        Some(_) => serde_json::from_str(json),
        // A number in a column of text.
        None => Ok(json.to_owned()),
    }
}

/// A JSON list of texts as Postgres writes it.
fn array(json: &str) -> Result<String, serde_json::Error> {
    if json == "[]" {
        return Ok("{}".to_owned());
    }
    let values: Vec<String> = serde_json::from_str(json)?;
    let quoted = values.iter().map(|v| {
        let escaped = v.replace('\\', "\\\\").replace('"', "\\\"");
        format!("\"{escaped}\"")
    });
    Ok(format!("{{{}}}", quoted.collect::<Vec<_>>().join(",")))
}
