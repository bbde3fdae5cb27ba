//! A query as a condition in SQL. Values are bind parameters, names are the table's own.

use sqlx::{Postgres, QueryBuilder};

use crate::value::{containing, flag, number, pattern, size};
use crate::{Comparison, Error, Expr, Field, Kind, Table};

/// Appends the condition, `true` for an empty query.
///
/// # Errors
/// [`Error::Query`] for a field that the table hasn't, or a value that the field can't have.
pub fn push_filter(
    sql: &mut QueryBuilder<Postgres>,
    table: &Table,
    expr: &Expr,
) -> Result<(), Error> {
    match expr {
        Expr::All(parts) => joined(sql, table, parts, " and ", "true"),
        Expr::Any(parts) => joined(sql, table, parts, " or ", "false"),
        Expr::Not(inner) => {
            // A null is not a match, so its negation is one.
            sql.push("not coalesce(");
            push_filter(sql, table, inner)?;
            sql.push(", false)");
            Ok(())
        }
        Expr::Word(word) => {
            sql.push(format_args!("{} ilike ", table.words)).push_bind(containing(word));
            Ok(())
        }
        Expr::Field { name, comparison, value, position } => {
            let Some(field) = table.field(name) else {
                let message =
                    format!("there is no field {name:?} here: use {}", table.names(false));
                return Err(Error::query(*position, message));
            };
            compare(sql, field, *comparison, value, *position)
        }
    }
}

fn joined(
    sql: &mut QueryBuilder<Postgres>,
    table: &Table,
    parts: &[Expr],
    between: &str,
    nothing: &str,
) -> Result<(), Error> {
    if parts.is_empty() {
        sql.push(nothing);
        return Ok(());
    }
    for (n, part) in parts.iter().enumerate() {
        sql.push(if n == 0 { "(" } else { between });
        push_filter(sql, table, part)?;
    }
    sql.push(")");
    Ok(())
}

fn compare(
    sql: &mut QueryBuilder<Postgres>,
    field: &Field,
    comparison: Comparison,
    value: &str,
    position: usize,
) -> Result<(), Error> {
    let name = field.names[0];
    let ordered = || {
        let message = format!("{name} is no number: use {name}:VALUE");
        Error::query(position, message)
    };
    match field.kind {
        Kind::Text => {
            let operator = match comparison {
                Comparison::Matches | Comparison::Equal => "ilike",
                Comparison::NotEqual => "not ilike",
                Comparison::Less
                | Comparison::AtMost
                | Comparison::Greater
                | Comparison::AtLeast => return Err(ordered()),
            };
            sql.push(format_args!("{} {operator} ", field.sql)).push_bind(pattern(value));
        }
        Kind::Persona => {
            let not = match comparison {
                Comparison::Matches | Comparison::Equal => "",
                Comparison::NotEqual => "not ",
                Comparison::Less
                | Comparison::AtMost
                | Comparison::Greater
                | Comparison::AtLeast => return Err(ordered()),
            };
            if value.eq_ignore_ascii_case("none") {
                sql.push(format_args!("({}) is {not}null", field.sql));
            } else if value.contains('/') {
                sql.push(format_args!("{} {not}ilike ", field.sql)).push_bind(pattern(value));
            } else {
                sql.push(format_args!("{not}(split_part({}, '/', 2) ilike ", field.sql))
                    .push_bind(pattern(value))
                    .push(")");
            }
        }
        Kind::Texts => {
            let not = match comparison {
                Comparison::Matches | Comparison::Equal => "",
                Comparison::NotEqual => "not ",
                Comparison::Less
                | Comparison::AtMost
                | Comparison::Greater
                | Comparison::AtLeast => return Err(ordered()),
            };
            sql.push(format_args!(
                "{not}exists (select from unnest({}) as one where one ilike ",
                field.sql
            ))
            .push_bind(pattern(value))
            .push(")");
        }
        Kind::Number => {
            let value = number(value, position)?;
            sql.push(format_args!("{} {} ", field.sql, operator(comparison))).push_bind(value);
        }
        Kind::Size => {
            let value = size(value, position)?;
            sql.push(format_args!("{} {} ", field.sql, operator(comparison))).push_bind(value);
        }
        Kind::Flag => {
            let operator = match comparison {
                Comparison::Matches | Comparison::Equal => "=",
                Comparison::NotEqual => "<>",
                Comparison::Less
                | Comparison::AtMost
                | Comparison::Greater
                | Comparison::AtLeast => return Err(ordered()),
            };
            let value = flag(value, position)?;
            sql.push(format_args!("{} {operator} ", field.sql)).push_bind(value);
        }
    }
    Ok(())
}

fn operator(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Matches | Comparison::Equal => "=",
        Comparison::NotEqual => "<>",
        Comparison::Less => "<",
        Comparison::AtMost => "<=",
        Comparison::Greater => ">",
        Comparison::AtLeast => ">=",
    }
}
