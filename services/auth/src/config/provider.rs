//! A provider (`OpenID` Connect) at which people may sign in.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;

use super::checks;

/// One of `providers.NAME`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProviderConfig {
    /// What the button at the login says.
    pub(crate) label: String,
    /// Below which it describes itself (`/.well-known/openid-configuration`), as it writes it itself.
    pub(crate) issuer: String,
    /// As whom gwm is known there.
    pub(crate) client_id: String,
    /// What proves that; none for a public client, which PKCE protects alone.
    #[serde(default)]
    pub(crate) client_secret: Option<SecretString>,
    /// Asked for beside `openid`.
    #[serde(default = "scopes")]
    pub(crate) scopes: Vec<String>,
    /// What their name is here.
    #[serde(default = "username_claim")]
    pub(crate) username_claim: String,
    /// What lists the groups there.
    #[serde(default = "groups_claim")]
    pub(crate) groups_claim: String,
    /// Groups there, and the groups here that they stand for.
    #[serde(default)]
    pub(crate) groups: BTreeMap<String, String>,
    /// Who belongs to this one is an administrator here.
    #[serde(default)]
    pub(crate) admin_group: Option<String>,
    /// Whom to trust as its certificate's issuer, beside what the system trusts.
    #[serde(default)]
    pub(crate) ca_path: Option<PathBuf>,
    /// How long each request to it may take.
    #[serde(default = "timeout", with = "humantime_serde")]
    pub(crate) timeout: Duration,
}

fn scopes() -> Vec<String> {
    vec!["profile".to_owned()]
}

fn username_claim() -> String {
    "preferred_username".to_owned()
}

fn groups_claim() -> String {
    "groups".to_owned()
}

fn timeout() -> Duration {
    Duration::from_secs(5)
}

impl ProviderConfig {
    /// Whether its groups mean anything here.
    pub(crate) fn has_groups(&self) -> bool {
        !self.groups.is_empty() || self.admin_group.is_some()
    }

    /// Checks what can be checked without a connection; the text names the key.
    pub(super) fn validate(&self, name: &str) -> anyhow::Result<()> {
        let key = |key: &str| format!("providers.{name}.{key}");
        checks::name("providers", name)?;
        // Codes and tokens are secrets; in the clear only to this machine itself.
        let issuer = reqwest::Url::parse(&self.issuer).ok();
        let here = |host: &str| ["127.0.0.1", "localhost"].contains(&host);
        let fits = issuer.is_some_and(|url| match url.scheme() {
            "https" => true,
            "http" => url.host_str().is_some_and(here),
            _ => false,
        });
        anyhow::ensure!(fits, "{} must begin with https://", key("issuer"));
        let texts = [("label", &self.label), ("client_id", &self.client_id)];
        for (which, text) in texts {
            anyhow::ensure!(!text.trim().is_empty(), "{} is empty", key(which));
        }
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
        let after = EXAMPLE.split_once("# [providers.corp]").unwrap().1;
        let section = after.split_once("\n[").unwrap().0;
        let keys = section.lines().filter_map(|line| line.strip_prefix("# "));
        let keys = keys.filter(|line| line.starts_with('[') || line.contains(" = "));
        let text = keys.collect::<Vec<_>>().join("\n");
        text.replace("[providers.corp.groups]", "[groups]")
            .replace("client_secret_file = \"/etc/gwm/oidc.secret\"", "client_secret = \"x\"")
    }

    #[test]
    fn the_example_is_valid_and_shows_the_defaults() {
        let config: ProviderConfig = toml::from_str(&example()).unwrap();
        config.validate("corp").unwrap();
        let least = "label = \"x\"\nissuer = \"https://x\"\nclient_id = \"x\"";
        let least: ProviderConfig = toml::from_str(least).unwrap();
        least.validate("corp").unwrap();
        assert_eq!(config.scopes, least.scopes);
        assert_eq!(config.username_claim, least.username_claim);
        assert_eq!(config.groups_claim, least.groups_claim);
        assert_eq!(config.timeout, least.timeout);
        assert!(config.has_groups() && !least.has_groups());
    }

    #[test]
    fn what_can_not_work_is_refused_by_name() {
        for (from, to, named) in [
            ("https://id", "http://id", "providers.corp.issuer"),
            ("https://id", "http://127.0.0.1:80@id", "providers.corp.issuer"),
            ("label = \"Example Corp\"", "label = \" \"", "label is empty"),
            ("client_id = \"gwm\"", "client_id = \"\"", "client_id is empty"),
            ("= \"shop\"", "= \"Web Shop\"", "groups.Web Shop"),
            ("timeout = \"5s\"", "timeout = \"5m\"", "timeout"),
        ] {
            let config: ProviderConfig = toml::from_str(&example().replace(from, to)).unwrap();
            let error = config.validate("corp").unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
        let config: ProviderConfig = toml::from_str(&example()).unwrap();
        assert!(config.validate("Corp Ltd").is_err());
    }
}
