//! Who needs a second factor.

/// As an administrator sets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needed {
    Nobody,
    Administrators,
    Everybody,
}

impl Needed {
    pub(crate) fn read(word: &str) -> Option<Self> {
        [Self::Nobody, Self::Administrators, Self::Everybody]
            .into_iter()
            .find(|needed| needed.word() == word)
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::Administrators => "administrators",
            Self::Everybody => "everybody",
        }
    }
}
