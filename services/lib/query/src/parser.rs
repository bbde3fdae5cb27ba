//! The grammar, by recursive descent:
//!
//! ```text
//! any  = all ("or" all)*
//! all  = term+
//! term = "-" term | "(" any ")" | FIELD OPERATOR VALUE | WORD
//! ```

use crate::Error;
use crate::lexer::{Placed, Token, tokens};

/// Deeper nesting is refused: it has no use, and each level costs stack.
const DEEPEST: usize = 32;

/// How a field is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `:`, with `*` for anything.
    Matches,
    /// `=`.
    Equal,
    /// `!=`.
    NotEqual,
    /// `<`.
    Less,
    /// `<=`.
    AtMost,
    /// `>`.
    Greater,
    /// `>=`.
    AtLeast,
}

/// A parsed query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expr {
    /// All of them; empty: everything.
    All(Vec<Expr>),
    /// Any of them.
    Any(Vec<Expr>),
    /// Not this.
    Not(Box<Expr>),
    /// Found in the name.
    Word(String),
    /// A field compared with a value.
    Field {
        /// As written, in lower case.
        name: String,
        /// How.
        comparison: Comparison,
        /// As written.
        value: String,
        /// Where the term begins, from 1.
        position: usize,
    },
}

/// Parses a query; an empty one means everything.
///
/// # Errors
/// [`Error::Query`] with the place.
pub fn parse(text: &str) -> Result<Expr, Error> {
    let tokens = tokens(text)?;
    if tokens.is_empty() {
        return Ok(Expr::All(Vec::new()));
    }
    let mut parser = Parser { tokens: &tokens, at: 0, end: text.chars().count() + 1 };
    let expr = parser.any(0)?;
    match parser.peek() {
        None => Ok(expr),
        Some(rest) => Err(Error::query(rest.position, "this parenthesis was never opened")),
    }
}

struct Parser<'a> {
    tokens: &'a [Placed],
    at: usize,
    end: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Placed> {
        self.tokens.get(self.at)
    }

    fn at_or(&self) -> bool {
        matches!(self.peek(), Some(Placed { token: Token::Text { text, bare: true }, .. })
            if text.eq_ignore_ascii_case("or") && !self.followed_by_operator())
    }

    fn followed_by_operator(&self) -> bool {
        matches!(self.tokens.get(self.at + 1), Some(Placed { token: Token::Operator(_), .. }))
    }

    fn any(&mut self, depth: usize) -> Result<Expr, Error> {
        let mut parts = vec![self.all(depth)?];
        while self.at_or() {
            self.at += 1;
            parts.push(self.all(depth)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Expr::Any(parts) })
    }

    fn all(&mut self, depth: usize) -> Result<Expr, Error> {
        let mut parts = Vec::new();
        while let Some(next) = self.peek() {
            if next.token == Token::Close || self.at_or() {
                break;
            }
            parts.push(self.term(depth)?);
        }
        match parts.len() {
            0 => Err(self.missing("a word or field:value is missing here")),
            1 => Ok(parts.remove(0)),
            _ => Ok(Expr::All(parts)),
        }
    }

    fn missing(&self, message: &str) -> Error {
        Error::query(self.peek().map_or(self.end, |p| p.position), message)
    }

    fn term(&mut self, depth: usize) -> Result<Expr, Error> {
        let Some(placed) = self.tokens.get(self.at) else {
            return Err(self.missing("a word or field:value is missing here"));
        };
        if depth > DEEPEST {
            return Err(Error::query(placed.position, "this query nests too deeply"));
        }
        self.at += 1;
        match &placed.token {
            Token::Minus => Ok(Expr::Not(Box::new(self.term(depth + 1)?))),
            Token::Open => {
                let inner = self.any(depth + 1)?;
                match self.peek() {
                    Some(Placed { token: Token::Close, .. }) => self.at += 1,
                    _ => {
                        return Err(Error::query(
                            placed.position,
                            "this parenthesis is never closed",
                        ));
                    }
                }
                Ok(inner)
            }
            Token::Close => Err(Error::query(placed.position, "nothing stands before this")),
            Token::Operator(_) => {
                Err(Error::query(placed.position, "a field's name is missing before this"))
            }
            Token::Text { text, bare } => match self.peek() {
                Some(Placed { token: Token::Operator(operator), .. }) if *bare => {
                    let operator = *operator;
                    self.at += 1;
                    self.field(text, operator, placed.position)
                }
                _ => Ok(Expr::Word(text.clone())),
            },
        }
    }

    fn field(&mut self, name: &str, operator: &str, position: usize) -> Result<Expr, Error> {
        let value = match self.tokens.get(self.at) {
            Some(Placed { token: Token::Text { text, .. }, apart: false, .. }) => text.clone(),
            _ => {
                let message = format!("a value is missing after {name}{operator}");
                return Err(Error::query(position, message));
            }
        };
        self.at += 1;
        let comparison = match operator {
            "=" => Comparison::Equal,
            "!=" => Comparison::NotEqual,
            "<" => Comparison::Less,
            "<=" => Comparison::AtMost,
            ">" => Comparison::Greater,
            ">=" => Comparison::AtLeast,
            _ => Comparison::Matches,
        };
        Ok(Expr::Field { name: name.to_lowercase(), comparison, value, position })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn field(name: &str, comparison: Comparison, value: &str, position: usize) -> Expr {
        Expr::Field { name: name.to_owned(), comparison, value: value.to_owned(), position }
    }

    #[test]
    fn words_fields_and_comparisons_are_joined_by_and() {
        let parsed = parse(r#"web -tag:old RAM>=4G os:"debian 12*""#).unwrap();
        let expected = Expr::All(vec![
            Expr::Word("web".to_owned()),
            Expr::Not(Box::new(field("tag", Comparison::Matches, "old", 6))),
            field("ram", Comparison::AtLeast, "4G", 14),
            field("os", Comparison::Matches, "debian 12*", 22),
        ]);
        assert_eq!(parsed, expected);
    }

    #[test]
    fn or_binds_weaker_than_and() {
        let parsed = parse("a b or (c or d) e").unwrap();
        let word = |w: &str| Expr::Word(w.to_owned());
        let expected = Expr::Any(vec![
            Expr::All(vec![word("a"), word("b")]),
            Expr::All(vec![Expr::Any(vec![word("c"), word("d")]), word("e")]),
        ]);
        assert_eq!(parsed, expected);
    }

    #[test]
    fn names_with_dashes_and_values_with_colons_are_text() {
        assert_eq!(parse("web-1").unwrap(), Expr::Word("web-1".to_owned()));
        assert_eq!(
            parse("tag:env:prod").unwrap(),
            field("tag", Comparison::Matches, "env:prod", 1)
        );
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        for (text, place) in [
            ("a (b", 3),
            ("a b)", 4),
            ("tag: x", 1),
            ("x \"abc", 3),
            ("a or", 5),
            ("-", 2),
            ("a!b", 2),
            ("()", 2),
        ] {
            match parse(text) {
                Err(Error::Query { position, .. }) => assert_eq!(position, place, "{text}"),
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn deep_nesting_is_refused_and_not_recursed_into() {
        assert!(parse(&"(".repeat(900)).is_err());
        assert!(parse(&"-(".repeat(400)).is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,80}") {
            drop(parse(&text));
        }
    }
}
