//! Owners as tags in Ganeti: `gwm:INSTALLATION:owner:user/NAME`, for people at the command line.
//! Nothing is ever concluded from such a tag.

/// What may become of them on a cluster.
pub(crate) const OFF: &str = "off";
pub(crate) const WRITE: &str = "write";
pub(crate) const REMOVE: &str = "remove";
pub(crate) const MODES: [&str; 3] = [OFF, WRITE, REMOVE];

/// Ganeti takes 128 characters; [`prefix`] has at most 31.
const LONGEST: usize = 96;
/// How many go in one request: they stand in its address.
const AT_ONCE: usize = 20;

/// What this installation's tags begin with. Others, those of another installation too, are never
/// touched.
pub(crate) fn prefix(installation: &str) -> String {
    format!("gwm:{installation}:owner:")
}

/// Whether an installation can be called so: tags that begin with `gwm:access:` decide who may do what.
pub(crate) fn is_installation(name: &str) -> bool {
    !prefix(name).starts_with(gwm_types::ACCESS_TAG)
        && (1..=20).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// What the tag says of an owner (`user/NAME`): the name or, if Ganeti would not take that, the id.
/// Empty when neither can be said.
pub(crate) fn says(owner: &str, id: &str) -> String {
    if fits(owner) {
        return owner.to_owned();
    }
    match owner.split_once('/') {
        Some((kind, _)) if fits(id) && fits(kind) => format!("{kind}-id/{id}"),
        Some(_) | None => String::new(),
    }
}

/// Whether it can stand in a tag of Ganeti's.
fn fits(text: &str) -> bool {
    (1..=LONGEST).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.+*/:@-".contains(&b))
}

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) add: bool,
    pub(crate) tags: Vec<String>,
}

/// From the tags of ours that are there to the one that should be: what is wrong goes first, so that
/// no instance ever seems to have two owners.
pub(crate) fn step(ours: &[String], wanted: Option<&str>) -> Option<Step> {
    let wrong: Vec<String> =
        ours.iter().filter(|tag| Some(tag.as_str()) != wanted).take(AT_ONCE).cloned().collect();
    if !wrong.is_empty() {
        return Some(Step { add: false, tags: wrong });
    }
    let wanted = wanted.filter(|tag| !ours.iter().any(|there| there == tag))?;
    Some(Step { add: true, tags: vec![wanted.to_owned()] })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(tags: &[&str]) -> Vec<String> {
        tags.iter().map(|&tag| tag.to_owned()).collect()
    }

    #[test]
    fn a_name_that_does_not_fit_is_said_by_its_id() {
        const ID: &str = "0198c1d2-7a10-7000-8000-0000000000aa";
        assert_eq!(says("user/carla", ID), "user/carla");
        let by_id = format!("user-id/{ID}");
        for odd in ["user/Zoë", "user/a b", "user/a,b", "user/\u{202e}x", "user/a\nb"] {
            assert_eq!(says(odd, ID), by_id, "{odd:?}");
        }
        assert_eq!(says(&format!("user/{}", "x".repeat(92)), ID), by_id);
        assert_eq!(says("user/Zoë", ""), "");
        assert_eq!(says("", ID), "");
    }

    #[test]
    fn the_longest_tag_is_one_that_ganeti_takes() {
        let name = "x".repeat(20);
        assert!(is_installation(&name) && !is_installation("Lab") && !is_installation(""));
        let longest = format!("user/{}", "x".repeat(LONGEST - 5));
        assert_eq!(says(&longest, ""), longest);
        assert!(prefix(&name).len() + longest.len() <= 128);
    }

    #[test]
    fn wrong_ones_go_before_the_right_one_comes() {
        assert_eq!(step(&[], None), None);
        assert_eq!(step(&owned(&["a"]), Some("a")), None);
        let remove = |tags: &[&str]| Some(Step { add: false, tags: owned(tags) });
        assert_eq!(step(&owned(&["a", "b"]), Some("b")), remove(&["a"]));
        assert_eq!(step(&owned(&["a"]), None), remove(&["a"]));
        assert_eq!(step(&[], Some("b")), Some(Step { add: true, tags: owned(&["b"]) }));
        let many: Vec<String> = (0..50).map(|n| n.to_string()).collect();
        assert_eq!(step(&many, None).unwrap().tags.len(), 20);
    }
}
