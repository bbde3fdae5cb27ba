//! A directory (LDAP, Active Directory) whose people may sign in.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use gwm_types::Username;
use secrecy::SecretString;
use serde::Deserialize;

/// One of `directories.NAME`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DirectoryConfig {
    /// `ldaps://HOST`, or `ldap://HOST`, which is turned into TLS before anything is said (StartTLS).
    pub(crate) url: String,
    /// Whom to trust as its certificate's issuer; what the system trusts without it.
    #[serde(default)]
    pub(crate) ca_path: Option<PathBuf>,
    /// Who looks people up; nobody (anonymously) without it.
    #[serde(default)]
    pub(crate) bind_dn: Option<String>,
    /// The password of that one.
    #[serde(default)]
    pub(crate) bind_password: Option<SecretString>,
    /// Below which people are looked for.
    pub(crate) user_base: String,
    /// Which of them somebody is who signs in as `{username}`.
    #[serde(default = "user_filter")]
    pub(crate) user_filter: String,
    /// What their name is here.
    #[serde(default = "username_attribute")]
    pub(crate) username_attribute: String,
    /// What never changes, and is never given to somebody else.
    #[serde(default = "subject_attribute")]
    pub(crate) subject_attribute: String,
    /// Below which groups are looked for; groups are not asked for without it.
    #[serde(default)]
    pub(crate) group_base: Option<String>,
    /// Which of them somebody belongs to whose entry is `{dn}` and who is called `{username}`.
    #[serde(default = "group_filter")]
    pub(crate) group_filter: String,
    /// What a group is called.
    #[serde(default = "group_attribute")]
    pub(crate) group_attribute: String,
    /// Groups there, and the groups here that they stand for.
    #[serde(default)]
    pub(crate) groups: BTreeMap<String, String>,
    /// Who belongs to this one is an administrator here.
    #[serde(default)]
    pub(crate) admin_group: Option<String>,
    /// How long all of a sign-in may take there.
    #[serde(default = "timeout", with = "humantime_serde")]
    pub(crate) timeout: Duration,
}

fn user_filter() -> String {
    "(uid={username})".to_owned()
}

fn username_attribute() -> String {
    "uid".to_owned()
}

fn subject_attribute() -> String {
    "entryUUID".to_owned()
}

fn group_filter() -> String {
    "(member={dn})".to_owned()
}

fn group_attribute() -> String {
    "cn".to_owned()
}

fn timeout() -> Duration {
    Duration::from_secs(5)
}

impl DirectoryConfig {
    /// Whether its groups mean anything here.
    pub(crate) fn has_groups(&self) -> bool {
        self.group_base.is_some() && (!self.groups.is_empty() || self.admin_group.is_some())
    }

    /// Checks what can be checked without a connection; the text names the key.
    pub(super) fn validate(&self, name: &str) -> anyhow::Result<()> {
        let key = |key: &str| format!("directories.{name}.{key}");
        anyhow::ensure!(
            name.parse::<Username>().is_ok(),
            "directories.{name}: a directory's name has small letters, digits, '.', '_' and '-'"
        );
        anyhow::ensure!(
            self.url.starts_with("ldaps://") || self.url.starts_with("ldap://"),
            "{} must begin with ldaps:// or ldap://",
            key("url")
        );
        anyhow::ensure!(
            self.bind_dn.is_some() == self.bind_password.is_some(),
            "{} needs {}, and the other way round",
            key("bind_dn"),
            key("bind_password")
        );
        anyhow::ensure!(
            self.bind_password
                .as_ref()
                .is_none_or(|p| !secrecy::ExposeSecret::expose_secret(p).is_empty()),
            "{} is empty",
            key("bind_password")
        );
        let filters = [("user_filter", &self.user_filter), ("group_filter", &self.group_filter)];
        for (which, filter) in filters {
            let filled = filter.replace("{username}", "x").replace("{dn}", "x");
            anyhow::ensure!(
                ldap3::parse_filter(&filled).is_ok(),
                "{} is no LDAP filter",
                key(which)
            );
        }
        anyhow::ensure!(
            self.user_filter.contains("{username}"),
            "{} must hold {{username}}",
            key("user_filter")
        );
        anyhow::ensure!(
            self.group_filter.contains("{username}") || self.group_filter.contains("{dn}"),
            "{} must hold {{dn}} or {{username}}",
            key("group_filter")
        );
        anyhow::ensure!(
            self.group_base.is_some() || (self.groups.is_empty() && self.admin_group.is_none()),
            "{} is needed for {} and {}",
            key("group_base"),
            key("groups"),
            key("admin_group")
        );
        for (there, here) in &self.groups {
            anyhow::ensure!(
                here.parse::<Username>().is_ok(),
                "{}.{there}: {here:?} can't be the name of a group here",
                key("groups")
            );
        }
        anyhow::ensure!(
            !self.timeout.is_zero() && self.timeout <= Duration::from_secs(30),
            "{} must be more than nothing and at most 30s",
            key("timeout")
        );
        Ok(())
    }
}
