//! A query written out again: what it parses to is the same.

use std::fmt;

use crate::{Comparison, Expr, Term, Value};

/// A value as it is written in a query: in quotation marks where it needs them.
#[must_use]
pub fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_.*/@+,-:".contains(c);
    let reserved = ["or", "and", "none"].iter().any(|w| value.eq_ignore_ascii_case(w));
    if !value.is_empty() && value.chars().all(plain) && !reserved && !value.starts_with('-') {
        return value.to_owned();
    }
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(parts) => joined(f, parts, " "),
            Self::Any(parts) => joined(f, parts, " or "),
            Self::Not(inner) => {
                f.write_str("-")?;
                inner.part(f)
            }
            // A colon would make it a field.
            Self::Word(word) if word.contains(':') => {
                write!(f, "\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""))
            }
            Self::Word(word) => f.write_str(&quoted(word)),
            Self::Field(term) => term.fmt(f),
        }
    }
}

impl Expr {
    /// As a part of something larger.
    fn part(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(_) | Self::Any(_) | Self::Not(_) => write!(f, "({self})"),
            Self::Word(_) | Self::Field(_) => fmt::Display::fmt(self, f),
        }
    }
}

fn joined(f: &mut fmt::Formatter<'_>, parts: &[Expr], between: &str) -> fmt::Result {
    for (n, part) in parts.iter().enumerate() {
        if n > 0 {
            f.write_str(between)?;
        }
        part.part(f)?;
    }
    Ok(())
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.comparison {
            Comparison::Matches => ":",
            Comparison::Equal => "=",
            Comparison::NotEqual => "!=",
            Comparison::Less => "<",
            Comparison::AtMost => "<=",
            Comparison::Greater => ">",
            Comparison::AtLeast => ">=",
        };
        write!(f, "{}{sign}", self.name)?;
        match &self.value {
            Value::Unknown => f.write_str("none"),
            Value::Text(text) => f.write_str(&quoted(text)),
        }
    }
}
