//! What a query means, without a database and without thought for speed.

use chrono::{DateTime, Days, NaiveDate, Utc};
use gwm_query::{Comparison, Expr, Term, Value};

use crate::rows::Row;

pub(crate) fn holds(expr: &Expr, row: &Row) -> bool {
    match expr {
        Expr::All(parts) => parts.iter().all(|e| holds(e, row)),
        Expr::Any(parts) => parts.iter().any(|e| holds(e, row)),
        Expr::Not(inner) => !holds(inner, row),
        Expr::Word(word) => like(&row.found_by(), &format!("*{word}*"), false),
        Expr::Field(term) => field(term, row),
    }
}

fn field(term: &Term, row: &Row) -> bool {
    let negated = term.comparison == Comparison::NotEqual;
    let exact = negated || term.comparison == Comparison::Equal;
    let texts = |texts: &[String]| match &term.value {
        Value::Unknown => texts.is_empty(),
        Value::Text(value) => texts.iter().any(|t| like(t, value, exact)),
    };
    let one = |text: &String| match &term.value {
        Value::Unknown => text.is_empty(),
        Value::Text(value) => like(text, value, exact),
    };
    let found = match term.name.as_str() {
        "name" => one(&row.name),
        "os" => one(&row.os),
        "status" => one(&row.status),
        "tag" | "tags" => texts(&row.tags),
        "ip" => texts(&row.ips),
        "memory" | "ram" => number(term, row.memory, mib),
        "cpus" => number(term, row.cpus, |v| v.parse().unwrap()),
        "flag" => match &term.value {
            Value::Unknown => row.flag.is_none(),
            Value::Text(v) => row.flag == Some(matches!(v.as_str(), "yes" | "TRUE")),
        },
        "created" => match &term.value {
            Value::Unknown => row.created.is_none(),
            Value::Text(value) => row.created.is_some_and(|at| time(term.comparison, at, value)),
        },
        other => panic!("{other}"),
    };
    found != negated
}

fn mib(value: &str) -> i64 {
    match value {
        "0" => 0,
        "512M" => 512,
        "1G" => 1024,
        "1.5G" => 1536,
        "4000" => 4000,
        other => panic!("{other}"),
    }
}

fn number(term: &Term, have: Option<i64>, read: fn(&str) -> i64) -> bool {
    let Value::Text(value) = &term.value else { return have.is_none() };
    let (Some(have), value) = (have, read(value)) else { return false };
    match term.comparison {
        Comparison::Matches | Comparison::Equal | Comparison::NotEqual => have == value,
        Comparison::Less => have < value,
        Comparison::AtMost => have <= value,
        Comparison::Greater => have > value,
        Comparison::AtLeast => have >= value,
    }
}

fn time(comparison: Comparison, at: DateTime<Utc>, value: &str) -> bool {
    if let Some(hours) = value.strip_suffix('h') {
        let age = (Utc::now() - at).num_seconds() as f64 / 3600.0;
        let hours: f64 = hours.parse().unwrap();
        return match comparison {
            Comparison::Less | Comparison::AtMost => age < hours,
            Comparison::Greater | Comparison::AtLeast => age > hours,
            Comparison::Matches | Comparison::Equal | Comparison::NotEqual => false,
        };
    }
    let day: NaiveDate = value.parse().unwrap();
    let have = at.date_naive();
    match comparison {
        Comparison::Matches | Comparison::Equal | Comparison::NotEqual => have == day,
        Comparison::Less => have < day,
        Comparison::AtMost => have < day.checked_add_days(Days::new(1)).unwrap(),
        Comparison::Greater => have > day,
        Comparison::AtLeast => have >= day,
    }
}

/// A star stands for anything, unless the text is taken to the letter.
fn like(text: &str, pattern: &str, exact: bool) -> bool {
    let text: Vec<char> = text.to_ascii_lowercase().chars().collect();
    let pattern: Vec<char> = pattern.to_ascii_lowercase().chars().collect();
    glob(&text, &pattern, exact)
}

fn glob(text: &[char], pattern: &[char], exact: bool) -> bool {
    match (pattern, text) {
        ([], _) => text.is_empty(),
        (['*', rest @ ..], _) if !exact => (0..=text.len()).any(|n| glob(&text[n..], rest, exact)),
        ([c, pattern @ ..], [d, text @ ..]) => c == d && glob(text, pattern, exact),
        (_, []) => false,
    }
}
