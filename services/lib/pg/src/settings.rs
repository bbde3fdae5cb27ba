//! The `[database]` section of a service's configuration.

use std::fmt;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgConnectOptions;

use crate::{Error, Result};

/// Where the database is and how the pool behaves.
#[derive(Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PgSettings {
    /// `postgres://user@host:port/database`, with `?sslmode=verify-full&sslrootcert=..` as needed.
    pub url: String,
    /// The password, when the server asks for one. Wins over one in `url`, and stays out of logs.
    #[serde(skip_serializing)]
    pub password: Option<SecretString>,
    /// The most connections that this process holds open at once (two more for the outbox relay).
    pub max_connections: u32,
    /// How long a request waits for a free connection before it answers `unavailable`.
    #[serde(with = "humantime_serde")]
    pub acquire_timeout: Duration,
    /// The longest that one statement may run.
    #[serde(with = "humantime_serde")]
    pub statement_timeout: Duration,
}

impl Default for PgSettings {
    fn default() -> Self {
        Self {
            url: String::new(),
            password: None,
            max_connections: 10,
            acquire_timeout: Duration::from_secs(3),
            statement_timeout: Duration::from_secs(60),
        }
    }
}

impl fmt::Debug for PgSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL may carry a password, so only what follows the credentials is shown.
        let place = self.url.rsplit_once('@').map_or(self.url.as_str(), |(_, place)| place);
        f.debug_struct("PgSettings")
            .field("place", &place)
            .field("max_connections", &self.max_connections)
            .field("acquire_timeout", &self.acquire_timeout)
            .finish_non_exhaustive()
    }
}

impl PgSettings {
    /// Checks what can be checked without a connection and names the field that is wrong.
    pub fn validate(&self) -> Result<()> {
        self.options("gwm").map(|_| ())?;
        if self.max_connections < 2 {
            return Err(Error::settings("max_connections must be at least 2"));
        }
        Ok(())
    }

    pub(crate) fn options(&self, application_name: &str) -> Result<PgConnectOptions> {
        if self.url.is_empty() {
            return Err(Error::settings("url must be set (postgres://user@host:5432/database)"));
        }
        // The parser's own message may repeat the URL, password included.
        let options: PgConnectOptions = self
            .url
            .parse()
            .map_err(|_| Error::settings("url is not a postgres://user@host:port/database URL"))?;
        let statement_timeout = self.statement_timeout.as_millis().to_string();
        let mut options = options.application_name(application_name).options([
            ("statement_timeout", statement_timeout.as_str()),
            // Nothing awaits the network inside a transaction, so an idle one is a fault.
            ("idle_in_transaction_session_timeout", "30000"),
            ("lock_timeout", "10000"),
        ]);
        if let Some(password) = &self.password {
            options = options.password(password.expose_secret());
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_never_shows_a_password() {
        let settings = PgSettings {
            url: "postgres://gwm:s3cret@db:5432/gwm_auth".to_owned(),
            password: Some(SecretString::from("s3cret")),
            ..PgSettings::default()
        };
        let shown = format!("{settings:?}");
        assert!(shown.contains("db:5432/gwm_auth"), "{shown}");
        assert!(!shown.contains("s3cret"), "{shown}");
    }

    #[test]
    fn a_wrong_url_is_named_without_being_repeated() {
        let settings =
            PgSettings { url: "http://u:s3cret@x y".to_owned(), ..PgSettings::default() };
        let message = settings.validate().unwrap_err().to_string();
        assert!(message.contains("url"), "{message}");
        assert!(!message.contains("s3cret"), "{message}");
    }
}
