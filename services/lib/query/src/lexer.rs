//! Words, quoted texts, operators and parentheses, each with its place.

use crate::Error;

/// Longer queries are refused: nobody types them.
const LONGEST: usize = 1000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    /// A word or a quoted text; `bare` if it was not quoted.
    Text {
        text: String,
        bare: bool,
    },
    /// `:` `=` `!=` `<` `<=` `>` `>=`, only directly after a word.
    Operator(&'static str),
    Minus,
    Open,
    Close,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Placed {
    pub(crate) token: Token,
    /// Counts from 1.
    pub(crate) position: usize,
    /// Whether blanks stand before it.
    pub(crate) apart: bool,
}

pub(crate) fn tokens(text: &str) -> Result<Vec<Placed>, Error> {
    // Counted without a copy: what is refused may be megabytes.
    if text.chars().nth(LONGEST).is_some() {
        let message = format!("a query has at most {LONGEST} characters");
        return Err(Error::query(LONGEST + 1, message));
    }
    let chars: Vec<char> = text.chars().collect();
    if let Some(place) = chars.iter().position(|c| c.is_control() && !c.is_whitespace()) {
        return Err(Error::query(place + 1, "control characters can't be searched for"));
    }
    let mut out: Vec<Placed> = Vec::new();
    let (mut at, mut apart) = (0, true);
    while let Some(&c) = chars.get(at) {
        let start = at;
        if c.is_whitespace() {
            at += 1;
            apart = true;
            continue;
        }
        // An operator belongs to the word before it; elsewhere its characters are text.
        let after_word = !apart
            && matches!(out.last(), Some(Placed { token: Token::Text { bare: true, .. }, .. }))
            && !matches!(out.iter().rev().nth(1), Some(Placed { token: Token::Operator(_), .. }));
        let token = match c {
            '(' => Token::Open,
            ')' => Token::Close,
            '-' if apart || matches!(out.last(), Some(Placed { token: Token::Open, .. })) => {
                Token::Minus
            }
            '"' => Token::Text { text: quoted(&chars, &mut at)?, bare: false },
            ':' | '=' | '<' | '>' | '!' if after_word => operator(&chars, &mut at)?,
            _ => Token::Text { text: word(&chars, &mut at), bare: true },
        };
        if matches!(token, Token::Open | Token::Close | Token::Minus) {
            at += 1;
        }
        out.push(Placed { token, position: start + 1, apart });
        apart = false;
    }
    Ok(out)
}

/// `\"` and `\\` stand for the quotation mark and the backslash themselves.
fn quoted(chars: &[char], at: &mut usize) -> Result<String, Error> {
    let start = *at;
    let mut out = String::new();
    *at += 1;
    loop {
        match (chars.get(*at), chars.get(*at + 1)) {
            (Some('"'), _) => break,
            (Some('\\'), Some(c @ ('"' | '\\'))) => {
                out.push(*c);
                *at += 1;
            }
            (Some(c), _) => out.push(*c),
            (None, _) => {
                return Err(Error::query(start + 1, "this quotation mark is never closed"));
            }
        }
        *at += 1;
    }
    *at += 1;
    Ok(out)
}

fn operator(chars: &[char], at: &mut usize) -> Result<Token, Error> {
    let next_is_equal = chars.get(*at + 1) == Some(&'=');
    let token = match (chars[*at], next_is_equal) {
        (':', _) => ":",
        ('=', _) => "=",
        ('!', true) => "!=",
        ('<', true) => "<=",
        ('<', false) => "<",
        ('>', true) => ">=",
        ('>', false) => ">",
        _ => return Err(Error::query(*at + 1, "write != for \"is not\"")),
    };
    *at += token.len();
    Ok(Token::Operator(token))
}

fn word(chars: &[char], at: &mut usize) -> String {
    let start = *at;
    // A value may hold what would be an operator after a field: `tag:env:prod`, a MAC address.
    let value = start > 0 && matches!(chars[start - 1], ':' | '=' | '<' | '>');
    while let Some(c) = chars.get(*at) {
        let ends = c.is_whitespace()
            || matches!(c, '(' | ')' | '"')
            || (!value && *at > start && matches!(c, ':' | '=' | '<' | '>' | '!'));
        if ends {
            break;
        }
        *at += 1;
    }
    chars[start..*at].iter().collect()
}
