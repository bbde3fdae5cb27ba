//! What is being typed at a place of a query.

use sqlx::{Postgres, QueryBuilder};

use crate::print::quoted;
use crate::value::pattern;
use crate::{Field, Kind, Table};

/// Suggestions in one answer.
const MOST: i64 = 20;

/// What may stand there.
#[derive(Debug, Clone)]
pub enum About {
    /// A field's name that begins so (or a word: then no field may begin so).
    Field(String),
    /// A value of this field that begins so.
    Value(&'static Field, String),
    /// Nothing that could be suggested.
    Nothing,
}

/// A part of the query that a suggestion would replace, in characters from 0.
#[derive(Debug, Clone)]
pub struct Completion {
    /// Its first character.
    pub from: usize,
    /// The one after its last.
    pub to: usize,
    /// What may stand there.
    pub about: About,
}

/// Looks at the term around a place, however wrong the rest of the query is.
#[must_use]
pub fn complete(table: &Table, text: &str, at: usize) -> Completion {
    let chars: Vec<char> = text.chars().take(1000).collect();
    let at = at.min(chars.len());
    let (mut start, mut quote, mut escaped) = (0, None, false);
    for (n, c) in chars[..at].iter().enumerate() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quote.is_some() => escaped = true,
            '"' => quote = if quote.is_some() { None } else { Some(n) },
            _ if quote.is_some() => {}
            _ if c.is_whitespace() || matches!(c, '(' | ')') => start = n + 1,
            '-' if n == start => start = n + 1,
            _ => {}
        }
    }
    let nothing = Completion { from: at, to: at, about: About::Nothing };
    let ends = |from: usize, quoted: bool| {
        let rest = &chars[from..];
        let end = rest.iter().position(|c| {
            if quoted { *c == '"' } else { c.is_whitespace() || matches!(c, '(' | ')' | '"') }
        });
        end.map_or(chars.len(), |n| from + n + usize::from(quoted))
    };
    let run = &chars[start..at];
    let Some(sign) = run.iter().position(|c| matches!(c, ':' | '=' | '<' | '>' | '!')) else {
        if quote.is_some() || run.contains(&'"') {
            return nothing;
        }
        // What follows up to the sign belongs to the name.
        let stop = chars[at..].iter().position(|c| {
            c.is_whitespace() || matches!(c, '(' | ')' | '"' | ':' | '=' | '<' | '>' | '!')
        });
        let mut to = stop.map_or(chars.len(), |n| at + n);
        if chars.get(to) == Some(&':') {
            to += 1;
        }
        let prefix = run.iter().collect::<String>().to_lowercase();
        return Completion { from: start, to, about: About::Field(prefix) };
    };
    let name = run[..sign].iter().collect::<String>().to_lowercase();
    let Some(field) = table.field(&name) else { return nothing };
    let mut from = start + sign + 1;
    if matches!(chars.get(from), Some('=')) && from < at {
        from += 1;
    }
    match quote {
        Some(place) if place == from => {
            let prefix = chars[from + 1..at].iter().collect();
            Completion { from, to: ends(at, true), about: About::Value(field, prefix) }
        }
        Some(_) => nothing,
        None if run[sign..].contains(&'"') => nothing,
        None => {
            let prefix = chars[from.min(at)..at].iter().collect();
            Completion { from, to: ends(at, false), about: About::Value(field, prefix) }
        }
    }
}

/// Appends a query for the values that begin so, in order, at most 20; `push_from` appends ` from ..`
/// with what the person may see of the list, and nothing more.
///
/// Yields false, and appends nothing, for fields whose values nobody would pick from a list.
pub fn push_values(
    sql: &mut QueryBuilder<Postgres>,
    field: &Field,
    prefix: &str,
    push_from: impl FnOnce(&mut QueryBuilder<Postgres>),
) -> bool {
    let several = matches!(field.kind, Kind::Texts | Kind::Found { .. });
    match field.kind {
        Kind::Text | Kind::Lower | Kind::Known(_) | Kind::Texts | Kind::Found { .. } => {}
        Kind::Persona
        | Kind::Number
        | Kind::Size
        | Kind::Flag
        | Kind::Time { .. }
        | Kind::Until => return false,
    }
    let like = format!("{}%", pattern(prefix).to_lowercase());
    sql.push("select v from (select distinct ");
    if several {
        sql.push(format_args!("unnest({}) as v", field.sql));
        push_from(sql);
    } else {
        sql.push(format_args!("({})::text as v", field.sql));
        push_from(sql);
        // Here already, where an index may serve it.
        if field.kind == Kind::Lower && !prefix.is_empty() {
            sql.push(format_args!(" where {} like ", field.sql)).push_bind(like.clone());
        }
    }
    sql.push(") values_of_it where v <> '' and lower(v) like ")
        .push_bind(like)
        .push(" order by v limit ")
        .push_bind(MOST);
    true
}

/// Something that may be picked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// `field` or `value`.
    pub kind: &'static str,
    /// What is put into the query.
    pub text: String,
    /// In words.
    pub detail: &'static str,
}

/// Values to be picked, and `none`, which every field has.
#[must_use]
pub fn suggest_values(values: Vec<String>, prefix: &str) -> Vec<Suggestion> {
    let value = |v: String| Suggestion { kind: "value", text: quoted(&v), detail: "" };
    let none = Suggestion { kind: "value", text: "none".to_owned(), detail: "not known" };
    let asks = !prefix.is_empty() && "none".starts_with(&prefix.to_lowercase());
    values.into_iter().map(value).chain(asks.then_some(none)).collect()
}

impl Completion {
    /// The fields that begin so, to be picked.
    #[must_use]
    pub fn suggest_fields(&self, table: &Table) -> Vec<Suggestion> {
        let suggestion = |(text, field): (String, &Field)| Suggestion {
            kind: "field",
            text,
            detail: field.kind.words(),
        };
        self.fields(table).into_iter().map(suggestion).collect()
    }

    /// The fields that begin so, each once, with its sign.
    fn fields(&self, table: &Table) -> Vec<(String, &'static Field)> {
        let About::Field(prefix) = &self.about else { return Vec::new() };
        let begins = |f: &&'static Field| f.names.iter().any(|n| n.starts_with(prefix.as_str()));
        let sign = |f: &Field| if f.kind.ordered() { ">" } else { ":" };
        let text = |f: &'static Field| {
            let name = f.names.iter().find(|n| n.starts_with(prefix.as_str()));
            (format!("{}{}", name.unwrap_or(&f.names[0]), sign(f)), f)
        };
        table.fields.iter().filter(begins).map(text).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Key, Kind};

    const fn field(names: &'static [&'static str], kind: Kind) -> Field {
        Field { names, sql: "x", kind, order: None }
    }
    static TABLE: Table = Table {
        name: "test",
        words: "x",
        default_sort: "status",
        keys: &[Key { sql: "x", cast: "uuid" }],
        fields: &[
            field(&["status"], Kind::Text),
            field(&["os"], Kind::Text),
            field(&["memory", "ram"], Kind::Size),
        ],
    };

    fn at(marked: &str) -> (String, usize, usize, Vec<String>) {
        let place = marked.chars().position(|c| c == '|').unwrap();
        let completion = complete(&TABLE, &marked.replace('|', ""), place);
        let what = match &completion.about {
            About::Field(prefix) => format!("field {prefix}"),
            About::Value(field, prefix) => format!("{} {prefix}", field.names[0]),
            About::Nothing => "nothing".to_owned(),
        };
        let fields = completion.fields(&TABLE).into_iter().map(|(text, _)| text).collect();
        (what, completion.from, completion.to, fields)
    }

    #[test]
    fn the_term_under_the_cursor_is_found() {
        let of = |text| {
            let (what, from, to, _) = at(text);
            (what, from, to)
        };
        let is = |what: &str, from, to| (what.to_owned(), from, to);
        assert_eq!(of("|"), is("field ", 0, 0));
        assert_eq!(of("web -st|"), is("field st", 5, 7));
        assert_eq!(of("(st|at:x)"), is("field st", 1, 6));
        assert_eq!(of("status:ER| x"), is("status ER", 7, 9));
        assert_eq!(of("status:E|R_up) x"), is("status E", 7, 12));
        assert_eq!(of("os:\"debian 1|"), is("os debian 1", 3, 12));
        assert_eq!(of("os:\"debian| 12\" x"), is("os debian", 3, 14));
        assert_eq!(of("os!=|"), is("os ", 4, 4));
        assert_eq!(of("nosuch:a|"), is("nothing", 8, 8));
        assert_eq!(of("\"status:|"), is("nothing", 8, 8));
    }

    #[test]
    fn fields_are_offered_by_any_of_their_names() {
        assert_eq!(at("r|").3, ["ram>"]);
        assert_eq!(at("|").3, ["status:", "os:", "memory>"]);
        assert!(at("web|").3.is_empty());
    }
}
