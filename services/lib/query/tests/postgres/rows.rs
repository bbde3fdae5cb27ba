//! Random rows and random queries over a small alphabet, so that they meet.

use chrono::{DateTime, TimeDelta, Utc};
use gwm_query::{Comparison, Expr, Field, Key, Kind, Table, Term, Value};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use sqlx::PgPool;

pub(crate) const CREATE: &str = "
    create table thing (
        id bigint, name text collate \"C\", os text collate \"C\", status text collate \"C\",
        tags text[], ips text[], memory bigint, cpus bigint, flag boolean, created timestamptz,
        found_by text)";

const STATUSES: &[&str] = &["running", "ADMIN_down", "ERROR_up", "ERROR_down"];

const fn field(names: &'static [&'static str], sql: &'static str, kind: Kind) -> Field {
    Field { names, sql, kind, order: None }
}

pub(crate) static TABLE: Table = Table {
    name: "things",
    words: "o.found_by",
    default_sort: "name",
    keys: &[Key { sql: "o.id", cast: "bigint" }],
    fields: &[
        field(&["name"], "o.name", Kind::Lower),
        field(&["os"], "o.os", Kind::Text),
        field(&["status"], "o.status", Kind::Known(STATUSES)),
        field(&["tag", "tags"], "o.tags", Kind::Texts),
        field(&["ip"], "o.ips", Kind::Found { by: "o.found_by" }),
        field(&["memory", "ram"], "o.memory", Kind::Size),
        field(&["cpus"], "o.cpus", Kind::Number),
        field(&["flag"], "o.flag", Kind::Flag),
        field(&["created"], "o.created", Kind::Time { order: "::timestamptz" }),
    ],
};

#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) os: String,
    pub(crate) status: String,
    pub(crate) tags: Vec<String>,
    pub(crate) ips: Vec<String>,
    pub(crate) memory: Option<i64>,
    pub(crate) cpus: Option<i64>,
    pub(crate) flag: Option<bool>,
    pub(crate) created: Option<DateTime<Utc>>,
}

impl Row {
    pub(crate) fn found_by(&self) -> String {
        let mut lines = vec![self.name.clone()];
        lines.extend(self.tags.iter().chain(&self.ips).cloned());
        lines.join("\n").to_lowercase()
    }

    pub(crate) async fn insert(&self, pool: &PgPool) {
        sqlx::query("insert into thing values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)")
            .bind(self.id)
            .bind(&self.name)
            .bind(&self.os)
            .bind(&self.status)
            .bind(&self.tags)
            .bind(&self.ips)
            .bind(self.memory)
            .bind(self.cpus)
            .bind(self.flag)
            .bind(self.created)
            .bind(self.found_by())
            .execute(pool)
            .await
            .unwrap();
    }
}

/// What all texts are made of: also what is special in patterns, in the grammar and in SQL.
fn text() -> impl Strategy<Value = String> {
    "[aAb1.:%_\\\\'\"() -]{0,4}"
}

fn pattern() -> impl Strategy<Value = String> {
    "[aAb1.:%_\\\\'\"()* -]{1,4}"
}

pub(crate) fn rows() -> impl Strategy<Value = Vec<Row>> {
    let row = (
        text(),
        text(),
        select(STATUSES),
        vec(text(), 0..3),
        vec(select(vec!["10.0.0.1", "10.0.0.2", "2001:db8::a"]), 0..3),
        option::of(0_i64..5000),
        option::of(0_i64..4),
        option::of(any::<bool>()),
        option::of(0_i64..300),
    );
    vec(row, 150).prop_map(|rows| {
        let now = Utc::now();
        let row = |(n, r): (usize, _)| {
            let (name, os, status, tags, ips, memory, cpus, flag, hours): (
                String,
                _,
                &str,
                _,
                Vec<&str>,
                _,
                _,
                _,
                Option<i64>,
            ) = r;
            Row {
                id: i64::try_from(n).unwrap(),
                name: name.to_lowercase(),
                os,
                status: status.to_owned(),
                tags,
                ips: ips.into_iter().map(str::to_owned).collect(),
                memory,
                cpus,
                flag,
                created: hours.map(|h| now - TimeDelta::hours(h)),
            }
        };
        rows.into_iter().enumerate().map(row).collect()
    })
}

fn term() -> impl Strategy<Value = Expr> {
    use Comparison::{AtLeast, AtMost, Equal, Greater, Less, Matches, NotEqual};
    let plain = || select(vec![Matches, Equal, NotEqual]);
    let any_of = || select(vec![Matches, Equal, NotEqual, Less, AtMost, Greater, AtLeast]);
    let known = |value: String| Value::Text(value);
    let texts = (
        select(vec!["name", "os", "tag", "tags"]),
        plain(),
        prop_oneof![8 => pattern().prop_map(known), 1 => Just(Value::Unknown)],
    );
    let statuses = (
        Just("status"),
        plain(),
        select(vec!["running", "error*", "*DOWN", "*_*", "nosuch", "*r*n*"])
            .prop_map(|s| Value::Text(s.to_owned())),
    );
    let ips = (
        Just("ip"),
        plain(),
        prop_oneof![
            4 => select(vec!["10.0.0.*", "10.0.0.1", "2001:DB8::*", "*.2"])
                .prop_map(|s| Value::Text(s.to_owned())),
            1 => Just(Value::Unknown)
        ],
    );
    let sizes = (
        select(vec!["memory", "ram"]),
        any_of(),
        select(vec!["0", "1G", "1.5G", "4000", "512M"]).prop_map(|s| Value::Text(s.to_owned())),
    );
    let numbers = (Just("cpus"), any_of(), (0_i64..4).prop_map(|n| Value::Text(n.to_string())));
    let unknown =
        (select(vec!["cpus", "memory", "flag", "created"]), plain(), Just(Value::Unknown));
    let flags = (
        Just("flag"),
        plain(),
        select(vec!["yes", "no", "TRUE"]).prop_map(|s| Value::Text(s.to_owned())),
    );
    // Half hours, so that the time between the two readings decides nothing.
    let ages = (
        Just("created"),
        select(vec![Less, AtMost, Greater, AtLeast]),
        (0..300).prop_map(|h| Value::Text(format!("{h}.5h"))),
    );
    let days = (
        Just("created"),
        any_of(),
        (0_i64..14).prop_map(|d| {
            let day = Utc::now() - TimeDelta::days(d);
            Value::Text(day.format("%Y-%m-%d").to_string())
        }),
    );
    prop_oneof![texts, statuses, ips, sizes, numbers, unknown, flags, ages, days].prop_map(
        |(name, comparison, value)| {
            let name = name.to_owned();
            Expr::Field(Term { name, comparison, value, position: 0, value_position: 0 })
        },
    )
}

pub(crate) fn exprs() -> impl Strategy<Value = Expr> {
    let word =
        prop_oneof![pattern(), select(vec!["or", "and", "none", "-a"]).prop_map(str::to_owned)];
    let leaf = prop_oneof![3 => term().boxed(), 1 => word.prop_map(Expr::Word).boxed()];
    leaf.prop_recursive(4, 16, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 2..4).prop_map(Expr::All),
            vec(inner.clone(), 2..4).prop_map(Expr::Any),
            inner.prop_map(|e| Expr::Not(Box::new(e))),
        ]
    })
}

/// The same, wherever it was written.
pub(crate) fn unplaced(expr: &Expr) -> Expr {
    match expr {
        Expr::All(parts) => Expr::All(parts.iter().map(unplaced).collect()),
        Expr::Any(parts) => Expr::Any(parts.iter().map(unplaced).collect()),
        Expr::Not(inner) => Expr::Not(Box::new(unplaced(inner))),
        Expr::Word(word) => Expr::Word(word.clone()),
        Expr::Field(term) => Expr::Field(Term { position: 0, value_position: 0, ..term.clone() }),
    }
}
