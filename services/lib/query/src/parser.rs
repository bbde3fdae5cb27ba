//! The grammar, by recursive descent:
//!
//! ```text
//! any  = all ("or" all)*
//! all  = term ("and"? term)*
//! term = "-" term | "(" any ")" | FIELD OPERATOR VALUE | WORD
//! ```

use crate::Error;
use crate::lexer::{Placed, Token, tokens};

/// Deeper nesting is refused: it has no use, and each level costs stack.
const DEEPEST: usize = 32;
/// More is refused: each term is looked at for each row.
const MOST_TERMS: usize = 50;
/// More in one pattern is refused: each multiplies the ways in which it may match.
const MOST_STARS: usize = 8;

/// How a field is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `:`, with `*` for anything.
    Matches,
    /// `=`, to the letter.
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

/// What a field is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// `none`: nothing is known.
    Unknown,
    /// As written, without quotation marks.
    Text(String),
}

/// A field compared with a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// As written, in lower case.
    pub name: String,
    /// How.
    pub comparison: Comparison,
    /// With what.
    pub value: Value,
    /// Where the term begins, from 1.
    pub position: usize,
    /// Where the value begins.
    pub value_position: usize,
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
    /// Found in the name, or what else the list searches words in.
    Word(String),
    /// A field compared with a value.
    Field(Term),
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
    let mut parser = Parser { tokens: &tokens, at: 0, end: text.chars().count() + 1, terms: 0 };
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
    terms: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Placed> {
        self.tokens.get(self.at)
    }

    fn at_word(&self, word: &str) -> bool {
        matches!(self.peek(), Some(Placed { token: Token::Text { text, bare: true }, .. })
            if text.eq_ignore_ascii_case(word) && !self.followed_by_operator())
    }

    fn followed_by_operator(&self) -> bool {
        matches!(self.tokens.get(self.at + 1), Some(Placed { token: Token::Operator(_), .. }))
    }

    fn any(&mut self, depth: usize) -> Result<Expr, Error> {
        let mut parts = vec![self.all(depth)?];
        while self.at_word("or") {
            self.at += 1;
            parts.push(self.all(depth)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Expr::Any(parts) })
    }

    fn all(&mut self, depth: usize) -> Result<Expr, Error> {
        let mut parts = vec![self.term(depth)?];
        while let Some(next) = self.peek() {
            if next.token == Token::Close || self.at_word("or") {
                break;
            }
            if self.at_word("and") {
                self.at += 1;
            }
            parts.push(self.term(depth)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Expr::All(parts) })
    }

    fn missing(&self) -> Error {
        let place = self.peek().map_or(self.end, |p| p.position);
        Error::query(place, "a word or field:value is missing here")
    }

    fn term(&mut self, depth: usize) -> Result<Expr, Error> {
        let Some(placed) = self.tokens.get(self.at) else {
            return Err(self.missing());
        };
        if self.at_word("or") || self.at_word("and") {
            return Err(self.missing());
        }
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
            Token::Close => {
                let message = "a word or field:value is missing before this parenthesis";
                Err(Error::query(placed.position, message))
            }
            Token::Operator(_) => {
                Err(Error::query(placed.position, "a field's name is missing before this"))
            }
            Token::Text { text, bare } => {
                self.terms += 1;
                if self.terms > MOST_TERMS {
                    let message = format!("a query has at most {MOST_TERMS} terms");
                    return Err(Error::query(placed.position, message));
                }
                match self.peek() {
                    Some(Placed { token: Token::Operator(operator), .. }) if *bare => {
                        let operator = *operator;
                        self.at += 1;
                        self.field(text, operator, placed.position)
                    }
                    _ => {
                        few_stars(text, placed.position)?;
                        Ok(Expr::Word(text.clone()))
                    }
                }
            }
        }
    }

    fn field(&mut self, name: &str, operator: &str, position: usize) -> Result<Expr, Error> {
        let missing = || {
            let message = format!("a value is missing after {name}{operator}");
            Error::query(position, message)
        };
        let placed = self.tokens.get(self.at).filter(|p| !p.apart).ok_or_else(missing)?;
        let Token::Text { text, bare } = &placed.token else { return Err(missing()) };
        self.at += 1;
        few_stars(text, placed.position)?;
        let comparison = match operator {
            "=" => Comparison::Equal,
            "!=" => Comparison::NotEqual,
            "<" => Comparison::Less,
            "<=" => Comparison::AtMost,
            ">" => Comparison::Greater,
            ">=" => Comparison::AtLeast,
            _ => Comparison::Matches,
        };
        let value = if *bare && text.eq_ignore_ascii_case("none") {
            Value::Unknown
        } else {
            Value::Text(text.clone())
        };
        let value_position = placed.position;
        let name = name.to_lowercase();
        Ok(Expr::Field(Term { name, comparison, value, position, value_position }))
    }
}

fn few_stars(text: &str, position: usize) -> Result<(), Error> {
    if text.matches('*').count() > MOST_STARS {
        let message = format!("a pattern has at most {MOST_STARS} stars");
        return Err(Error::query(position, message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn field(name: &str, comparison: Comparison, value: &str, position: usize) -> Expr {
        let sign = if comparison == Comparison::AtLeast { 2 } else { 1 };
        Expr::Field(Term {
            name: name.to_owned(),
            comparison,
            value: Value::Text(value.to_owned()),
            position,
            value_position: position + name.len() + sign,
        })
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
    fn and_may_be_written_and_none_is_no_text_unless_quoted() {
        assert_eq!(parse("a AND b").unwrap(), parse("a b").unwrap());
        assert_eq!(parse("\"and\"").unwrap(), Expr::Word("and".to_owned()));
        let value = |q: &str| match parse(q).unwrap() {
            Expr::Field(term) => term.value,
            other @ (Expr::All(_) | Expr::Any(_) | Expr::Not(_) | Expr::Word(_)) => {
                panic!("{other:?}")
            }
        };
        assert_eq!(value("os:none"), Value::Unknown);
        assert_eq!(value("os:\"none\""), Value::Text("none".to_owned()));
        assert_eq!(value(r#"os:"a\"b\\c*""#), Value::Text(r#"a"b\c*"#.to_owned()));
    }

    #[test]
    fn what_is_out_of_bounds_is_refused() {
        let place = |q: &str| match parse(q) {
            Err(Error::Query { position, .. }) => position,
            other => panic!("{other:?}"),
        };
        assert_eq!(place(&"a".repeat(10_240)), 1001);
        assert_eq!(place(&"a ".repeat(51)), 101);
        assert!(parse(&"a ".repeat(50)).is_ok());
        assert_eq!(place("x a*b*c*d*e*f*g*h*i*"), 3);
        assert_eq!(place("x \"a\u{0}\""), 5);
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
            ("or a", 1),
            ("a and", 6),
            ("a or and b", 6),
            ("-", 2),
            ("a!b", 2),
            ("()", 2),
            ("ram>\"", 5),
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
