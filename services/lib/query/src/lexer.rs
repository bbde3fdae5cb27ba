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
    let chars: Vec<char> = text.chars().collect();
    if chars.len() > LONGEST {
        return Err(Error::query(LONGEST, format!("a query has at most {LONGEST} characters")));
    }
    let mut out = Vec::new();
    let (mut at, mut apart) = (0, true);
    while let Some(&c) = chars.get(at) {
        let start = at;
        if c.is_whitespace() {
            at += 1;
            apart = true;
            continue;
        }
        if c.is_control() {
            return Err(Error::query(at + 1, "control characters can't be searched for"));
        }
        // An operator belongs to the word before it; elsewhere its characters are text.
        let after_word = !apart
            && matches!(out.last(), Some(Placed { token: Token::Text { bare: true, .. }, .. }));
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

fn quoted(chars: &[char], at: &mut usize) -> Result<String, Error> {
    let start = *at;
    let end = chars[start + 1..].iter().position(|c| *c == '"');
    let Some(length) = end else {
        return Err(Error::query(start + 1, "this quotation mark is never closed"));
    };
    *at = start + length + 2;
    Ok(chars[start + 1..=start + length].iter().collect())
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
