//! Directories: LDAP, Active Directory. Looks somebody up, then binds as them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use ldap3::{
    Ldap, LdapConnAsync, LdapConnSettings, Scope, SearchEntry, SearchOptions, SearchResult,
    ldap_escape,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use secrecy::ExposeSecret;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::config::DirectoryConfig;
use crate::domain::{Answer, Identified};

/// Asked at the same time; more wait for their turn.
const AT_ONCE: usize = 20;
const LONGEST_WAIT: Duration = Duration::from_secs(6);
const MOST_GROUPS: i32 = 1000;

// Results of LDAP (RFC 4511).
const SUCCESS: u32 = 0;
const SIZE_LIMIT_EXCEEDED: u32 = 4;
const BUSY: u32 = 51;
const UNAVAILABLE: u32 = 52;

/// All that are configured. Cloning is cheap.
#[derive(Clone)]
pub(crate) struct Directories(Arc<Inner>);

struct Inner {
    directories: Vec<Directory>,
    turns: Semaphore,
}

struct Directory {
    /// `ldap/NAME`
    provider: String,
    config: DirectoryConfig,
    settings: LdapConnSettings,
}

/// What was found of somebody before their password was looked at.
struct Entry {
    dn: String,
    subject: String,
    username: String,
}

impl Directories {
    /// Reads the certificates; the text names the key that is wrong.
    pub(crate) fn new(configs: &BTreeMap<String, DirectoryConfig>) -> anyhow::Result<Self> {
        let mut directories = Vec::new();
        for (name, config) in configs {
            let trusted = trusted(config)
                .with_context(|| format!("directories.{name}.ca_path: can't be read"))?;
            let mut settings = LdapConnSettings::new()
                .set_conn_timeout(config.timeout)
                .set_starttls(config.url.starts_with("ldap://"));
            if let Some(trusted) = trusted {
                settings = settings.set_config(trusted);
            }
            let provider = format!("ldap/{name}");
            directories.push(Directory { provider, config: config.clone(), settings });
        }
        Ok(Self(Arc::new(Inner { directories, turns: Semaphore::new(AT_ONCE) })))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.directories.is_empty()
    }

    /// Asks one after the other until one knows the name and the password. Without a password (an empty one
    /// is none: directories take it for nobody in particular) it is asked as much, and nobody is found.
    pub(crate) async fn ask(&self, login: &str, password: Option<&str>) -> Answer {
        let turn = tokio::time::timeout(LONGEST_WAIT, self.0.turns.acquire()).await;
        let Ok(Ok(_turn)) = turn else { return Answer::Silent };
        let password = password.filter(|password| !password.is_empty());
        let mut silent = false;
        for directory in &self.0.directories {
            match directory.ask(login, password).await {
                Answer::IsNot => {}
                Answer::Silent => silent = true,
                found @ Answer::Is(_) => return found,
            }
        }
        if silent { Answer::Silent } else { Answer::IsNot }
    }
}

impl Directory {
    async fn ask(&self, login: &str, password: Option<&str>) -> Answer {
        let asked = tokio::time::timeout(self.config.timeout, self.identify(login, password)).await;
        match asked {
            Ok(Ok(Some(identified))) => Answer::Is(identified),
            Ok(Ok(None)) => Answer::IsNot,
            Ok(Err(error)) => {
                tracing::error!(
                    directory = self.provider,
                    error = format!("{error:#}"),
                    "directory"
                );
                Answer::Silent
            }
            Err(_) => {
                let timeout = humantime::format_duration(self.config.timeout).to_string();
                tracing::error!(directory = self.provider, timeout, "directory does not answer");
                Answer::Silent
            }
        }
    }

    async fn identify(
        &self,
        login: &str,
        password: Option<&str>,
    ) -> anyhow::Result<Option<Identified>> {
        let settings = self.settings.clone();
        let connected = LdapConnAsync::with_settings(settings, &self.config.url).await;
        let (connection, mut ldap) = connected.context("can't connect")?;
        // Ends with this call, whatever becomes of it.
        let mut driver = JoinSet::new();
        driver.spawn(connection.drive());
        self.bind(&mut ldap).await?;
        let entry = self.look_up(&mut ldap, login).await?;
        let Some((entry, password)) = entry.zip(password) else {
            self.refuse(&mut ldap).await?;
            return Ok(None);
        };
        let bound = ldap.simple_bind(&entry.dn, password).await.context("can't bind")?;
        match bound.rc {
            SUCCESS => {}
            BUSY | UNAVAILABLE => anyhow::bail!("can't bind: {}", bound.text),
            rc => {
                // Wrong, locked, expired: what it says is for the log only.
                tracing::info!(
                    directory = self.provider,
                    rc,
                    text = bound.text,
                    "password refused"
                );
                return Ok(None);
            }
        }
        let names = match self.config.has_groups() {
            true => Some(self.groups(&mut ldap, &entry, login).await?),
            false => None,
        };
        drop(ldap.unbind().await);
        let within = |names: &[String], group: &str| {
            names.iter().any(|name| name.eq_ignore_ascii_case(group))
        };
        let groups = names.as_ref().filter(|_| !self.config.groups.is_empty()).map(|names| {
            let theirs = self.config.groups.iter().filter(|(there, _)| within(names, there));
            theirs.map(|(_, here)| here.clone()).collect()
        });
        let admin = names.zip(self.config.admin_group.as_ref());
        Ok(Some(Identified {
            provider: self.provider.clone(),
            subject: entry.subject,
            login: login.to_owned(),
            username: entry.username,
            groups,
            admin: admin.map(|(names, group)| within(&names, group)),
        }))
    }

    /// As who looks people up.
    async fn bind(&self, ldap: &mut Ldap) -> anyhow::Result<()> {
        let config = &self.config;
        if let Some((dn, password)) = config.bind_dn.as_ref().zip(config.bind_password.as_ref()) {
            let bound = ldap.simple_bind(dn, password.expose_secret()).await;
            bound.and_then(ldap3::LdapResult::success).context("can't bind as bind_dn")?;
        }
        Ok(())
    }

    /// The one whom a name means; nothing when it is nobody or could be several.
    async fn look_up(&self, ldap: &mut Ldap, login: &str) -> anyhow::Result<Option<Entry>> {
        let config = &self.config;
        let filter = config.user_filter.replace("{username}", &ldap_escape(login));
        let attributes = [config.subject_attribute.as_str(), config.username_attribute.as_str()];
        let limit = SearchOptions::new().sizelimit(2);
        let searched = ldap
            .with_search_options(limit)
            .search(&config.user_base, Scope::Subtree, &filter, attributes)
            .await;
        let mut entries = found(searched.context("can't look people up")?, "user_base")?;
        if entries.len() > 1 {
            tracing::error!(
                directory = self.provider,
                "user_filter finds more than one entry for a name"
            );
            return Ok(None);
        }
        let Some(entry) = entries.pop() else { return Ok(None) };
        ensure!(!entry.dn.is_empty(), "an entry without a name");
        let subject = only(&entry, &config.subject_attribute)?;
        let subject = if config.subject_attribute.eq_ignore_ascii_case("objectGUID") {
            // 16 bytes, which may happen to be text.
            hex::encode(subject)
        } else {
            String::from_utf8(subject).context("subject_attribute is no text")?
        };
        let username = String::from_utf8(only(&entry, &config.username_attribute)?);
        let username = username.context("username_attribute is no text")?.to_lowercase();
        Ok(Some(Entry { dn: entry.dn, subject, username }))
    }

    /// As much as binding as somebody who is there.
    async fn refuse(&self, ldap: &mut Ldap) -> anyhow::Result<()> {
        let nobody = uuid::Uuid::new_v4().to_string();
        let dn = format!("cn={nobody},{}", self.config.user_base);
        ldap.simple_bind(&dn, &nobody).await.context("can't bind")?;
        Ok(())
    }

    /// What the groups are called that somebody belongs to.
    async fn groups(
        &self,
        ldap: &mut Ldap,
        entry: &Entry,
        login: &str,
    ) -> anyhow::Result<Vec<String>> {
        let config = &self.config;
        // People themselves often may not read groups.
        self.bind(ldap).await?;
        let filter = config.group_filter.replace("{dn}", &ldap_escape(entry.dn.as_str()));
        let filter = filter.replace("{username}", &ldap_escape(login));
        let base = config.group_base.as_deref().unwrap_or_default();
        let attributes = [config.group_attribute.as_str()];
        let limit = SearchOptions::new().sizelimit(MOST_GROUPS);
        let searched =
            ldap.with_search_options(limit).search(base, Scope::Subtree, &filter, attributes).await;
        let entries = found(searched.context("can't look groups up")?, "group_base")?;
        let names = entries.iter().flat_map(|group| values(group, &config.group_attribute));
        Ok(names.filter_map(|name| String::from_utf8(name).ok()).collect())
    }
}

/// Entries of an answer. Where else something may stand (referrals) is not followed.
fn found(searched: SearchResult, key: &str) -> anyhow::Result<Vec<SearchEntry>> {
    let SearchResult(entries, result) = searched;
    let whole = [SUCCESS, SIZE_LIMIT_EXCEEDED].contains(&result.rc);
    ensure!(whole, "a search below {key} ended with {}: {}", result.rc, result.text);
    let entries = entries.into_iter().filter(|entry| !entry.is_ref() && !entry.is_intermediate());
    Ok(entries.map(SearchEntry::construct).collect())
}

fn values(entry: &SearchEntry, attribute: &str) -> Vec<Vec<u8>> {
    let text = entry.attrs.iter().filter(|(name, _)| name.eq_ignore_ascii_case(attribute));
    let text = text.flat_map(|(_, values)| values.iter().map(|value| value.clone().into_bytes()));
    let bytes = entry.bin_attrs.iter().filter(|(name, _)| name.eq_ignore_ascii_case(attribute));
    text.chain(bytes.flat_map(|(_, values)| values.iter().cloned())).collect()
}

fn only(entry: &SearchEntry, attribute: &str) -> anyhow::Result<Vec<u8>> {
    let mut values = values(entry, attribute);
    let value = values.pop().filter(|value| values.is_empty() && !value.is_empty());
    value.with_context(|| format!("an entry has not exactly one {attribute}"))
}

/// The configured issuer alone; nothing: what the system trusts.
fn trusted(config: &DirectoryConfig) -> anyhow::Result<Option<Arc<ClientConfig>>> {
    let Some(path) = &config.ca_path else { return Ok(None) };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path)? {
        roots.add(certificate?)?;
    }
    ensure!(!roots.is_empty(), "there is no certificate in {}", path.display());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(Some(Arc::new(builder.with_root_certificates(roots).with_no_client_auth())))
}
