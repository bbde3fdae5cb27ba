//! How people write which instances a right is on: `cluster:alpha owner:group/shop tag:gwm:access:web`.

use std::fmt;
use std::str::FromStr;

/// What a tag begins with that may decide who may do what. Only who holds `admin` on a cluster sets such tags.
pub const ACCESS_TAG: &str = "gwm:access:";
/// Ganeti's own limit.
const LONGEST_TAG: usize = 128;
const MOST_TAGS: usize = 8;
const LONGEST: usize = 2048;

/// Instances for which all of this is so, by names. What is not given is not asked about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SelectorText {
    /// Slug.
    pub cluster: Option<String>,
    /// Name of the primary node's group; then also `cluster`.
    pub node_group: Option<String>,
    /// `NAME`, `user/NAME` or `group/NAME`.
    pub owner: Option<String>,
    /// All of these, sorted.
    pub tags: Vec<String>,
}

/// A text that is no selector; says where, and what would be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidSelector(String);

impl SelectorText {
    /// Whether a tag can be named by a selector; the text says why not.
    ///
    /// # Errors
    /// Any other tag, which people may set who hold less than `admin`.
    pub fn check_tag(tag: &str) -> Result<(), String> {
        let Some(rest) = tag.strip_prefix(ACCESS_TAG) else {
            return Err(format!("{:?} doesn't begin with {ACCESS_TAG}", clipped(tag)));
        };
        let fits = |b: u8| {
            b.is_ascii_alphanumeric()
                || matches!(b, b'.' | b'+' | b'*' | b'/' | b':' | b'@' | b'_' | b'-')
        };
        if rest.is_empty() || tag.len() > LONGEST_TAG || !tag.bytes().all(fits) {
            return Err(format!("{:?} can't be a tag of Ganeti's", clipped(tag)));
        }
        Ok(())
    }

    /// Whether it asks for something, and for no more than a selector can; the text says why not.
    ///
    /// # Errors
    /// As the text says.
    pub fn check(&self) -> Result<(), String> {
        if self.tags.len() > MOST_TAGS {
            return Err(format!("at most {MOST_TAGS} tags"));
        }
        if self.node_group.is_some() && self.cluster.is_none() {
            return Err("a node_group needs its cluster: cluster:SLUG".to_owned());
        }
        if self.owner.is_none() && self.tags.is_empty() {
            return Err(
                "give an owner or a tag: what only names a cluster or a node group is a right \
                        on that"
                    .to_owned(),
            );
        }
        Ok(())
    }
}

impl FromStr for SelectorText {
    type Err = InvalidSelector;

    fn from_str(text: &str) -> Result<Self, InvalidSelector> {
        if text.len() > LONGEST {
            return Err(InvalidSelector(format!("a selector has at most {LONGEST} characters")));
        }
        let mut all = Self::default();
        for (place, word) in text.split_whitespace().enumerate() {
            let refuse = |why: String| {
                InvalidSelector(format!("part {} ({:?}): {why}", place + 1, clipped(word)))
            };
            let (key, value) = word.split_once(':').unwrap_or((word, ""));
            let once = match key {
                "cluster" => &mut all.cluster,
                "node_group" => &mut all.node_group,
                "owner" => &mut all.owner,
                "tag" => {
                    Self::check_tag(value).map_err(refuse)?;
                    all.tags.push(value.to_owned());
                    continue;
                }
                _ => return Err(refuse("use cluster:, node_group:, owner: and tag:".to_owned())),
            };
            if value.is_empty() {
                return Err(refuse(format!("nothing stands after {key}:")));
            }
            if once.replace(value.to_owned()).is_some() {
                return Err(refuse(format!("{key} is given twice")));
            }
        }
        all.tags.sort();
        all.tags.dedup();
        all.check().map_err(InvalidSelector)?;
        Ok(all)
    }
}

impl fmt::Display for SelectorText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts =
            [("cluster", &self.cluster), ("node_group", &self.node_group), ("owner", &self.owner)];
        let given = parts.into_iter().filter_map(|(key, value)| Some((key, value.as_deref()?)));
        for (n, (key, value)) in
            given.chain(self.tags.iter().map(|t| ("tag", t.as_str()))).enumerate()
        {
            write!(f, "{}{key}:{value}", if n == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

fn clipped(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let text = "cluster:alpha node_group:default owner:group/shop tag:gwm:access:db tag:gwm:access:web";
        let read: SelectorText = text.parse().unwrap();
        assert_eq!(read.to_string(), text);
        let other = "tag:gwm:access:web owner:group/shop  tag:gwm:access:db node_group:default \
                     cluster:alpha tag:gwm:access:web";
        assert_eq!(other.parse(), Ok(read), "in any order, and twice the same");
        assert_eq!("owner:jane".parse::<SelectorText>().unwrap().owner.as_deref(), Some("jane"));
    }

    #[test]
    fn what_is_none_is_refused_with_its_place() {
        for (text, says) in [
            ("", "give an owner or a tag"),
            ("cluster:alpha", "give an owner or a tag"),
            ("cluster:alpha node_group:a", "give an owner or a tag"),
            ("node_group:a owner:jane", "needs its cluster"),
            ("owner:jane colour:red", "part 2 (\"colour:red\"): use cluster:"),
            ("owner:", "part 1 (\"owner:\"): nothing stands after owner:"),
            ("owner:jane owner:bob", "part 2 (\"owner:bob\"): owner is given twice"),
            ("tag:web", "part 1 (\"tag:web\"): \"web\" doesn't begin with gwm:access:"),
            ("tag:gwm:access:", "can't be a tag"),
            ("tag:gwm:access:ä", "can't be a tag"),
            ("tag:gwm:owner:x", "doesn't begin with"),
            ("or", "part 1 (\"or\")"),
        ] {
            let error = text.parse::<SelectorText>().unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
        assert!("owner:x ".repeat(400).parse::<SelectorText>().is_err());
    }
}
