//! A directory (LDAP, Active Directory) whose people may sign in.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;

use super::checks;

/// One of `directories.NAME`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DirectoryConfig {
    /// `ldaps://HOST`, or `ldap://HOST`, which is turned into TLS before anything is said (`StartTLS`).
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
        checks::name("directories", name)?;
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
        checks::groups(&key("groups"), &self.groups)?;
        checks::timeout(&key("timeout"), self.timeout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = include_str!("../../config.example.toml");

    /// The section of the example, without its marks.
    fn example() -> String {
        let after = EXAMPLE.split_once("# [directories.corp]").unwrap().1;
        let section = after.split_once("\n# Providers").unwrap().0;
        let keys = section.lines().filter_map(|line| line.strip_prefix("# "));
        let keys = keys.filter(|line| line.starts_with('[') || line.contains(" = "));
        let text = keys.collect::<Vec<_>>().join("\n");
        text.replace("[directories.corp.groups]", "[groups]").replace(
            "bind_password_file = \"/etc/gwm/directory.password\"",
            "bind_password = \"x\"",
        )
    }

    #[test]
    fn the_example_is_valid_and_shows_the_defaults() {
        let config: DirectoryConfig = toml::from_str(&example()).unwrap();
        config.validate("corp").unwrap();
        let least = "url = \"ldaps://x\"\nuser_base = \"dc=x\"";
        let least: DirectoryConfig = toml::from_str(least).unwrap();
        least.validate("corp").unwrap();
        assert_eq!(config.user_filter, least.user_filter);
        assert_eq!(config.username_attribute, least.username_attribute);
        assert_eq!(config.subject_attribute, least.subject_attribute);
        assert_eq!(config.group_filter, least.group_filter);
        assert_eq!(config.group_attribute, least.group_attribute);
        assert_eq!(config.timeout, least.timeout);
        assert!(config.has_groups() && !least.has_groups());
    }

    #[test]
    fn what_can_not_work_is_refused_by_name() {
        for (from, to, named) in [
            ("ldap://", "http://", "directories.corp.url"),
            ("bind_dn = \"cn=gwm,ou=services,dc=example,dc=org\"", "", "bind_dn"),
            ("bind_password = \"x\"", "bind_password = \"\"", "bind_password is empty"),
            ("(uid={username})", "(uid=jane)", "user_filter must hold"),
            ("(uid={username})", "(uid={username}", "user_filter is no LDAP filter"),
            ("(member={dn})", "(cn=all)", "group_filter"),
            ("group_base = \"ou=groups,dc=example,dc=org\"", "", "group_base"),
            ("= \"shop\"", "= \"Web Shop\"", "groups.Web Shop"),
            ("timeout = \"5s\"", "timeout = \"5m\"", "timeout"),
        ] {
            let config: DirectoryConfig = toml::from_str(&example().replace(from, to)).unwrap();
            let error = config.validate("corp").unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
        let config: DirectoryConfig = toml::from_str(&example()).unwrap();
        assert!(config.validate("Corp Ltd").is_err());
        let odd = toml::from_str::<DirectoryConfig>(&(example() + "\n[other]\n"));
        assert!(odd.unwrap_err().to_string().contains("other"));
    }
}
