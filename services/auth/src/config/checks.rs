//! What directories and providers have in common; each text names the key.

use std::collections::BTreeMap;
use std::time::Duration;

use gwm_types::Username;

/// What one is called within its section.
pub(super) fn name(section: &str, name: &str) -> anyhow::Result<()> {
    anyhow::ensure!(
        name.parse::<Username>().is_ok(),
        "{section}.{name}: a name has small letters, digits, '.', '_' and '-'"
    );
    Ok(())
}

/// Groups there, and the groups here that they stand for.
pub(super) fn groups(key: &str, groups: &BTreeMap<String, String>) -> anyhow::Result<()> {
    for (there, here) in groups {
        anyhow::ensure!(
            here.parse::<Username>().is_ok(),
            "{key}.{there}: {here:?} can't be the name of a group here"
        );
    }
    Ok(())
}

/// How long it may take.
pub(super) fn timeout(key: &str, timeout: Duration) -> anyhow::Result<()> {
    anyhow::ensure!(
        !timeout.is_zero() && timeout <= Duration::from_secs(30),
        "{key} must be more than nothing and at most 30s"
    );
    Ok(())
}
