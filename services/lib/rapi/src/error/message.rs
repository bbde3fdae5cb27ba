//! Ganeti's error texts, made readable and harmless.

/// Longest text we keep; a Python message may quote a whole request.
const MAX_TEXT: usize = 2000;

const ENTITIES: [(&str, char); 7] = [
    ("&amp;", '&'),
    ("&lt;", '<'),
    ("&gt;", '>'),
    ("&quot;", '"'),
    ("&#x27;", '\''),
    ("&#39;", '\''),
    ("&apos;", '\''),
];

/// Undoes the HTML escaping that RAPI puts on every message, once: `&amp;lt;` stays `&lt;`.
pub(crate) fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        match ENTITIES.iter().find(|(entity, _)| rest.starts_with(entity)) {
            Some((entity, character)) => {
                plain.push(*character);
                rest = &rest[entity.len()..];
            }
            None => {
                plain.push('&');
                rest = &rest[1..];
            }
        }
    }
    plain.push_str(rest);
    plain
}

/// Cuts to a bounded length and takes out what could drive a terminal or break a log line.
pub(crate) fn clean(text: &str) -> String {
    let mut plain = String::new();
    for character in text.chars() {
        if plain.len() >= MAX_TEXT {
            plain.push('…');
            break;
        }
        plain.push(if character.is_control() { ' ' } else { character });
    }
    plain.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unescapes_once() {
        assert_eq!(
            unescape("Can&#x27;t &quot;x&quot; &lt;b&gt; a &amp;lt; b & c &"),
            "Can't \"x\" <b> a &lt; b & c &"
        );
        assert_eq!(unescape(""), "");
    }

    #[test]
    fn control_characters_and_length_are_bounded() {
        assert_eq!(clean("a\x1b[31m\nb"), "a [31m b");
        assert!(clean(&"é".repeat(10_000)).len() < 2100);
    }
}
