//! HTTP Basic against the users of the cluster.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};

use crate::config::{Access, User};

/// User name and password of an `Authorization` header.
#[must_use]
pub(crate) fn credentials(header: Option<&str>) -> Option<(String, String)> {
    let (scheme, encoded) = header?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

/// The user, if name and password are right.
#[must_use]
pub(crate) fn check<'a>(users: &'a [User], given: &(String, String)) -> Option<&'a User> {
    users.iter().find(|user| user.name == given.0 && password_is(user, &given.1))
}

/// Passwords stand in the clear, marked `{CLEARTEXT}`, or as `{HA1}` and an MD5.
fn password_is(user: &User, given: &str) -> bool {
    if let Some(ha1) = user.password.strip_prefix("{HA1}") {
        let text = format!("{}:Ganeti Remote API:{given}", user.name);
        return hex::encode(Md5::digest(text)).eq_ignore_ascii_case(ha1);
    }
    user.password.strip_prefix("{CLEARTEXT}").unwrap_or(&user.password) == given
}

/// Whether the user has one of the options.
#[must_use]
pub(crate) fn permitted(user: &User, options: &[String]) -> bool {
    let has = |option: &String| match user.access {
        Access::Write => option == "write",
        Access::Read => option == "read",
        Access::None => false,
    };
    options.is_empty() || options.iter().any(has)
}
