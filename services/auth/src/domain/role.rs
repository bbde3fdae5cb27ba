//! What a role allows, and on what it can be given.

use gwm_types::{Permission, PermissionSet, words};

/// All that these words allow, with what each brings along.
pub(crate) fn permissions(of: &[String]) -> PermissionSet {
    chosen(of).fold(PermissionSet::EMPTY, |set, permission| set.and(permission.closure()))
}

fn chosen(of: &[String]) -> impl Iterator<Item = Permission> {
    // The table only takes words that are permissions.
    of.iter().filter_map(|word| word.parse().ok())
}

/// Whether a role of these words can be given where `may_hold` can be held; the text says why not.
pub(crate) fn fits(role: &str, of: &[String], may_hold: PermissionSet) -> Result<(), String> {
    let wrong: Vec<_> = chosen(of).filter(|permission| !may_hold.contains(*permission)).collect();
    if wrong.is_empty() {
        return Ok(());
    }
    let verb = if wrong.len() == 1 { "is" } else { "are" };
    let first = if of.len() == 1 {
        format!("{role:?} can't be given on this")
    } else {
        format!("{role:?} includes {}, which {verb} not for this", words(&wrong))
    };
    let possible = words(&may_hold.iter().collect::<Vec<_>>());
    Err(format!("{first}: on it these can be held: {possible}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_fits_where_each_of_its_permissions_can_be_held() {
        let words = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
        let on_instance = PermissionSet::ON_INSTANCE;
        assert_eq!(fits("user", &words(&["power", "tags"]), on_instance), Ok(()));
        assert_eq!(fits("operator", &words(&["power", "migrate"]), PermissionSet::ALL), Ok(()));
        let text = fits("operator", &words(&["power", "migrate"]), on_instance).unwrap_err();
        assert!(text.starts_with("\"operator\" includes migrate, which is not for this"), "{text}");
        let text = fits("export", &words(&["export"]), on_instance).unwrap_err();
        assert!(text.starts_with("\"export\" can't be given on this"), "{text}");
        assert!(permissions(&words(&["power"])).contains(Permission::View));
    }
}
