//! Who we are to RAPI.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use md5::{Digest as _, Md5};
use secrecy::{ExposeSecret as _, SecretString};

/// The realm of Ganeti's Basic authentication, part of each `{HA1}` hash.
pub const REALM: &str = "Ganeti Remote API";

/// A user of RAPI with its password. The password never shows in `Debug`.
#[derive(Clone)]
pub struct Credentials {
    username: String,
    password: SecretString,
}

/// Why a user name can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// Empty name.
    #[error("the RAPI user name is empty")]
    Empty,
    /// RAPI's users file is split at blanks and Basic authentication at the colon.
    #[error("a RAPI user name can't hold blanks, colons or control characters")]
    Characters,
}

impl Credentials {
    /// Checks the user name and takes the password.
    pub fn new(
        username: impl Into<String>,
        password: SecretString,
    ) -> Result<Self, CredentialsError> {
        let username = username.into();
        if username.is_empty() {
            return Err(CredentialsError::Empty);
        }
        if username.chars().any(|c| c == ':' || c.is_whitespace() || c.is_control()) {
            return Err(CredentialsError::Characters);
        }
        Ok(Self { username, password })
    }

    /// The user name.
    #[must_use]
    pub fn username(&self) -> &str {
        &self.username
    }

    /// The value of the `Authorization` header, marked so that no log prints it.
    pub(crate) fn authorization(&self) -> HeaderValue {
        let pair = format!("{}:{}", self.username, self.password.expose_secret());
        let mut value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair)))
            .expect("base64 is always a valid header value");
        value.set_sensitive(true);
        value
    }

    /// The line for `/var/lib/ganeti/rapi/users` that makes this user known, e.g. with `write`.
    #[must_use]
    pub fn users_file_line(&self, options: &str) -> String {
        let hash = ha1(&self.username, self.password.expose_secret());
        format!("{} {{HA1}}{hash} {options}", self.username)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("username", &self.username).finish_non_exhaustive()
    }
}

/// What Ganeti's users file takes after `{HA1}`: md5 of user, realm and password, in hex.
#[must_use]
pub fn ha1(username: &str, password: &str) -> String {
    hex::encode(Md5::digest(format!("{username}:{REALM}:{password}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ha1_is_md5_of_user_realm_and_password() {
        // printf 'jack:Ganeti Remote API:abc123' | openssl md5
        assert_eq!(ha1("jack", "abc123"), "54c12257ee9be413f2f3182435514aae");
    }

    #[test]
    fn password_never_shows() {
        let credentials = Credentials::new("jack", "abc123".into()).unwrap();
        assert!(!format!("{credentials:?}").contains("abc123"));
        assert!(!format!("{:?}", credentials.authorization()).contains("Basic"));
        assert!(!credentials.users_file_line("write").contains("abc123"));
    }

    #[test]
    fn names_that_break_the_users_file_are_refused() {
        for name in ["a:b", "a b", "a\nb", ""] {
            assert!(Credentials::new(name, "x".into()).is_err(), "{name:?}");
        }
    }
}
