//! Towards the browser: we are its VNC server until `ClientInit`. Plain RFB 3.8, type None.

/// What the browser still has to say before bytes are carried.
#[derive(Debug)]
enum Stage {
    Version,
    Security,
    Init,
    Done,
}

/// The browser's side of the handshake, fed with whatever pieces the WebSocket brings.
#[derive(Debug)]
pub(crate) struct Greeting {
    stage: Stage,
    heard: Vec<u8>,
}

/// What came of a piece.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// To be sent to the browser; more is awaited.
    Say(Vec<u8>),
    /// Over: to be sent to the node (`ClientInit` and what came with it).
    Done(Vec<u8>),
    /// The browser does not speak RFB 3.8 with type None.
    Wrong(&'static str),
}

/// Begins: what to send first.
pub(crate) fn greet_browser() -> (Greeting, &'static [u8]) {
    (Greeting { stage: Stage::Version, heard: Vec::new() }, b"RFB 003.008\n")
}

impl Greeting {
    /// Takes in a piece.
    pub(crate) fn hear(&mut self, piece: &[u8]) -> Step {
        // A browser has 14 bytes to say here; more than a few messages' worth is no browser.
        if self.heard.len() + piece.len() > 4096 {
            return Step::Wrong("more than a handshake");
        }
        self.heard.extend_from_slice(piece);
        let mut say = Vec::new();
        loop {
            match self.stage {
                Stage::Version => {
                    let Some(version) = self.take(12) else { return Step::Say(say) };
                    if version != b"RFB 003.008\n" {
                        return Step::Wrong("RFB 3.8 is spoken here");
                    }
                    say.extend_from_slice(&[1, 1]);
                    self.stage = Stage::Security;
                }
                Stage::Security => {
                    let Some(chosen) = self.take(1) else { return Step::Say(say) };
                    if chosen != [1] {
                        return Step::Wrong("only security type None is offered");
                    }
                    say.extend_from_slice(&[0, 0, 0, 0]);
                    self.stage = Stage::Init;
                }
                Stage::Init => {
                    if self.heard.is_empty() {
                        return Step::Say(say);
                    }
                    if !say.is_empty() {
                        // The rest waits for its turn: first the browser gets its answer.
                        return Step::Say(say);
                    }
                    self.stage = Stage::Done;
                    return Step::Done(std::mem::take(&mut self.heard));
                }
                Stage::Done => return Step::Done(std::mem::take(&mut self.heard)),
            }
        }
    }

    fn take(&mut self, count: usize) -> Option<Vec<u8>> {
        (self.heard.len() >= count).then(|| self.heard.drain(..count).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_byte_by_byte_gets_through() {
        let (mut greeting, first) = greet_browser();
        assert_eq!(first, b"RFB 003.008\n");
        for byte in b"RFB 003.008" {
            assert_eq!(greeting.hear(&[*byte]), Step::Say(vec![]));
        }
        assert_eq!(greeting.hear(b"\n"), Step::Say(vec![1, 1]));
        assert_eq!(greeting.hear(&[1]), Step::Say(vec![0, 0, 0, 0]));
        assert_eq!(greeting.hear(&[1, 0]), Step::Done(vec![1, 0]));
    }

    #[test]
    fn all_at_once_loses_nothing() {
        let (mut greeting, _) = greet_browser();
        assert_eq!(greeting.hear(b"RFB 003.008\n\x01\x01\x00"), Step::Say(vec![1, 1, 0, 0, 0, 0]));
        assert_eq!(greeting.hear(&[]), Step::Done(vec![1, 0]));
    }

    #[test]
    fn another_version_or_type_or_a_flood_is_refused() {
        let (mut greeting, _) = greet_browser();
        assert!(matches!(greeting.hear(b"RFB 003.003\n"), Step::Wrong(_)));
        let (mut greeting, _) = greet_browser();
        assert!(matches!(greeting.hear(b"RFB 003.008\n\x02"), Step::Wrong(_)));
        let (mut greeting, _) = greet_browser();
        assert!(matches!(greeting.hear(&[0; 5000]), Step::Wrong(_)));
    }
}
