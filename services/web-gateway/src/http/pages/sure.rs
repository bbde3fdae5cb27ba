//! "Shut it down?" for those whose browser runs no scripts: a form that asks first carries its question, and is
//! answered by it until somebody says yes. With scripts a dialog asks, and says yes for the form.

use axum::response::Response;
use http::StatusCode;

use super::common::render;
use crate::http::views::outside::SurePage;

/// The page that asks, for a form with a question that nobody has answered.
pub(crate) fn ask(action: &str, back: String, typed: &[u8]) -> Option<Response> {
    let mut fields: Vec<(String, String)> = serde_urlencoded::from_bytes(typed).ok()?;
    let of = |wanted: &str| {
        let found = fields.iter().find(|(name, value)| name == wanted && !value.is_empty());
        found.map(|(_, value)| value.clone())
    };
    let question = of("question").filter(|_| of("sure").is_none())?;
    let verb = of("verb").unwrap_or_else(|| "Go on".to_owned());
    fields.retain(|(name, _)| !["question", "sure", "verb"].contains(&name.as_str()));
    let action = action.to_owned();
    Some(render(StatusCode::OK, &SurePage { question, verb, action, back, fields }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_question_without_an_answer_is_asked() {
        let asked = |typed: &str| ask("/x", "/".to_owned(), typed.as_bytes()).is_some();
        assert!(asked("question=Shut+down%3F&verb=Shut+down"));
        assert!(asked("question=Shut+down%3F&sure="));
        assert!(!asked("question=Shut+down%3F&sure=yes"));
        assert!(!asked("persona="));
    }
}
