//! A query as a condition in SQL. Values are bind parameters, names are the table's own.

use sqlx::{Postgres, QueryBuilder};

use crate::value::{Moment, containing, flag, literal, moment, number, pattern, size};
use crate::{Comparison, Error, Expr, Field, Kind, Table, Term, Value};

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
        Expr::Field(term) => {
            let Some(field) = table.field(&term.name) else {
                let message =
                    format!("there is no field {:?} here: use {}", term.name, table.names(false));
                return Err(Error::query(term.position, message));
            };
            if term.comparison == Comparison::NotEqual {
                // Unknown is not equal to anything: the same as `-field=value`.
                sql.push("not coalesce(");
                let equal = Term { comparison: Comparison::Equal, ..term.clone() };
                compare(sql, field, &equal)?;
                sql.push(", false)");
                return Ok(());
            }
            compare(sql, field, term)
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

fn compare(sql: &mut QueryBuilder<Postgres>, field: &Field, term: &Term) -> Result<(), Error> {
    let name = field.names[0];
    let exact = match term.comparison {
        Comparison::Matches => false,
        Comparison::Equal | Comparison::NotEqual => true,
        Comparison::Less | Comparison::AtMost | Comparison::Greater | Comparison::AtLeast => {
            if !field.kind.ordered() {
                let message = format!("{name} has no order: use {name}:VALUE");
                return Err(Error::query(term.position, message));
            }
            false
        }
    };
    let text = match &term.value {
        Value::Unknown => return unknown(sql, field, term),
        Value::Text(text) => text.as_str(),
    };
    let like = |text: &str| if exact { literal(text) } else { pattern(text) };
    let at = term.value_position;
    match field.kind {
        Kind::Text => {
            sql.push(format_args!("{} ilike ", field.sql)).push_bind(like(text));
        }
        Kind::Persona => {
            if text.contains('/') {
                sql.push(format_args!("{} ilike ", field.sql)).push_bind(like(text));
            } else {
                sql.push(format_args!("split_part({}, '/', 2) ilike ", field.sql))
                    .push_bind(like(text));
            }
        }
        Kind::Lower => {
            // Without regard to case, and yet a range of the index.
            sql.push(format_args!("{} like ", field.sql)).push_bind(like(text).to_lowercase());
        }
        Kind::Known(words) => {
            let found: Vec<String> =
                words.iter().filter(|w| matches(w, text, exact)).map(|w| (*w).to_owned()).collect();
            if found.is_empty() {
                sql.push(format_args!("{} ilike ", field.sql)).push_bind(like(text));
            } else {
                sql.push(format_args!("{} = any(", field.sql)).push_bind(found).push(")");
            }
        }
        Kind::Texts => among(sql, field, like(text)),
        Kind::Found { by } => {
            // The index finds few rows of which the addresses are then looked at one by one.
            if text.is_ascii() {
                sql.push(format_args!("({by} like "))
                    .push_bind(format!("%{}%", like(text).to_lowercase()))
                    .push(" and ");
                among(sql, field, like(text));
                sql.push(")");
            } else {
                among(sql, field, like(text));
            }
        }
        Kind::Number => {
            let value = number(text, at)?;
            sql.push(format_args!("{} {} ", field.sql, sign(term))).push_bind(value);
        }
        Kind::Size => {
            let value = size(text, at)?;
            sql.push(format_args!("{} {} ", field.sql, sign(term))).push_bind(value);
        }
        Kind::Flag => {
            sql.push(format_args!("{} = ", field.sql)).push_bind(flag(text, at)?);
        }
        Kind::Time { .. } => time(sql, field, term, moment(text, at)?, false)?,
        Kind::Until => time(sql, field, term, moment(text, at)?, true)?,
    }
    Ok(())
}

fn among(sql: &mut QueryBuilder<Postgres>, field: &Field, like: String) {
    sql.push(format_args!("exists (select from unnest({}) as one where one ilike ", field.sql))
        .push_bind(like)
        .push(")");
}

/// `field:none`.
fn unknown(sql: &mut QueryBuilder<Postgres>, field: &Field, term: &Term) -> Result<(), Error> {
    if !matches!(term.comparison, Comparison::Matches | Comparison::Equal) {
        let message = format!("none is no amount: write {}:none", field.names[0]);
        return Err(Error::query(term.value_position, message));
    }
    match field.kind {
        Kind::Text | Kind::Lower | Kind::Known(_) => {
            sql.push(format_args!("coalesce({}, '') = ''", field.sql))
        }
        Kind::Texts | Kind::Found { .. } => {
            sql.push(format_args!("coalesce(cardinality({}), 0) = 0", field.sql))
        }
        Kind::Persona
        | Kind::Number
        | Kind::Size
        | Kind::Flag
        | Kind::Time { .. }
        | Kind::Until => sql.push(format_args!("{} is null", field.sql)),
    };
    Ok(())
}

/// An age is compared as an age: `<7d` is what is younger. A day is compared as a whole.
fn time(
    sql: &mut QueryBuilder<Postgres>,
    field: &Field,
    term: &Term,
    moment: Moment,
    ahead: bool,
) -> Result<(), Error> {
    let column = field.sql;
    let equal = || {
        let name = field.names[0];
        let message = format!("write {name}<{0} or {name}>{0}, or {name}:2026-01-31", text(term));
        Error::query(term.value_position, message)
    };
    match moment {
        Moment::Age(seconds) => {
            // What is less old came later; what ends in less time ends earlier.
            let operator = match (term.comparison, ahead) {
                (Comparison::Less, false) | (Comparison::Greater, true) => ">",
                (Comparison::AtMost, false) | (Comparison::AtLeast, true) => ">=",
                (Comparison::Greater, false) | (Comparison::Less, true) => "<",
                (Comparison::AtLeast, false) | (Comparison::AtMost, true) => "<=",
                (Comparison::Matches | Comparison::Equal | Comparison::NotEqual, _) => {
                    return Err(equal());
                }
            };
            let direction = if ahead { "+" } else { "-" };
            sql.push(format_args!("{column} {operator} now() {direction} make_interval(secs => "))
                .push_bind(seconds)
                .push(")");
        }
        Moment::Span(from, until) => {
            let (operator, at) = match term.comparison {
                Comparison::Less => ("<", from),
                Comparison::AtLeast => (">=", from),
                Comparison::AtMost => ("<", until),
                Comparison::Greater => (">=", until),
                Comparison::Matches | Comparison::Equal | Comparison::NotEqual => {
                    sql.push(format_args!("({column} >= "))
                        .push_bind(from)
                        .push(format_args!(" and {column} < "))
                        .push_bind(until)
                        .push(")");
                    return Ok(());
                }
            };
            sql.push(format_args!("{column} {operator} ")).push_bind(at);
        }
    }
    Ok(())
}

fn text(term: &Term) -> &str {
    match &term.value {
        Value::Unknown => "none",
        Value::Text(text) => text,
    }
}

fn sign(term: &Term) -> &'static str {
    match term.comparison {
        Comparison::Matches | Comparison::Equal | Comparison::NotEqual => "=",
        Comparison::Less => "<",
        Comparison::AtMost => "<=",
        Comparison::Greater => ">",
        Comparison::AtLeast => ">=",
    }
}

/// What `ilike` says, for the few words of a list that is known beforehand.
pub(crate) fn matches(word: &str, text: &str, exact: bool) -> bool {
    let (word, text) = (word.to_ascii_lowercase(), text.to_ascii_lowercase());
    if exact || !text.contains('*') {
        return word == text;
    }
    let parts: Vec<&str> = text.split('*').collect();
    let [first, middle @ .., last] = parts.as_slice() else { return word == text };
    let Some(mut rest) = word.strip_prefix(first) else { return false };
    for part in middle {
        let Some(place) = rest.find(part) else { return false };
        rest = &rest[place + part.len()..];
    }
    rest.ends_with(last)
}
