//! People who are made without anybody being signed in: the first administrator, and what the
//! command line does.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gwm_events::types::audit::{Outcome, Person, RecordObject};
use gwm_types::Username;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::ending::Ended;
use super::login::user_subject;
use super::passwords::Passwords;
use crate::error::{Error, Result};
use crate::store::user::UserRow;
use crate::store::{
    PgConnection, Store, audit, change, commit, event, second_factor, throttle, user,
};

/// The first administrator's login name.
const ADMIN: &str = "admin";

/// 128 random bits that can be typed.
pub(crate) fn generated_password() -> SecretString {
    let bytes = Zeroizing::new(rand::random::<[u8; 16]>());
    URL_SAFE_NO_PAD.encode(*bytes).into()
}

/// Makes `admin` when there is no user at all; yields whether it did. Of replicas that start at
/// once one does.
pub(crate) async fn bootstrap_admin(
    store: &Store,
    passwords: &Passwords,
    password: &SecretString,
) -> Result<bool> {
    let mut tx = store.begin().await?;
    let there = user::any_locked(&mut tx).await?;
    drop(tx);
    if there {
        return Ok(false);
    }
    // Hashed outside: a transaction does not wait for it.
    let hash = hashed(passwords, password, ADMIN).await?;
    let mut tx = store.begin().await?;
    if user::any_locked(&mut tx).await? {
        return Ok(false);
    }
    let row = user::insert(&mut tx, ADMIN, &hash, true).await?;
    created(&mut tx, &row, "user.bootstrap").await?;
    commit(tx).await?;
    Ok(true)
}

/// Lets somebody in who can run commands on this machine: sets `admin`'s password, makes the user
/// an administrator again, ends all of its sessions and tokens.
pub(crate) async fn reset_admin(
    store: &Store,
    passwords: &Passwords,
    password: &SecretString,
) -> Result<()> {
    let hash = hashed(passwords, password, ADMIN).await?;
    let mut tx = store.begin().await?;
    let Some(row) = user::reset_admin(&mut tx, ADMIN, &hash).await? else {
        let row = user::insert(&mut tx, ADMIN, &hash, true).await?;
        created(&mut tx, &row, "user.reset_admin").await?;
        return commit(tx).await;
    };
    let ended = Ended::everything(&mut tx, row.user_id, "reset").await?;
    second_factor::remove(&mut tx, row.user_id).await?;
    throttle::clear(&mut tx, &user_subject(ADMIN)).await?;
    change::record(&mut tx, &ended.touched(vec![row.user_id])).await?;
    ended.tell(&mut tx, None).await?;
    on_record(&mut tx, &row, "user.reset_admin").await?;
    commit(tx).await
}

/// Adds a user from the command line.
pub(crate) async fn add_user(
    store: &Store,
    passwords: &Passwords,
    name: &str,
    password: &SecretString,
    is_admin: bool,
) -> Result<()> {
    let name: Username = name.parse().map_err(|e| Error::invalid("username", format!("{e}")))?;
    let hash = hashed(passwords, password, name.as_str()).await?;
    let mut tx = store.begin().await?;
    let row = user::insert(&mut tx, name.as_str(), &hash, is_admin).await?;
    created(&mut tx, &row, "user.create").await?;
    commit(tx).await
}

async fn hashed(passwords: &Passwords, password: &SecretString, username: &str) -> Result<String> {
    let password = Zeroizing::new(password.expose_secret().to_owned());
    passwords.hash_new("password", password, username).await
}

/// Tells of a user who was made on the command line.
pub(super) async fn created(
    connection: &mut PgConnection,
    row: &UserRow,
    action: &str,
) -> Result<()> {
    change::record(connection, &change::Touched::user(row.user_id)).await?;
    event::user_created(connection, row, None).await?;
    on_record(connection, row, action).await
}

async fn on_record(connection: &mut PgConnection, row: &UserRow, action: &str) -> Result<()> {
    // Nobody is signed in on a command line; that it was one is all that is known.
    let person = Person {
        user_id: None,
        username: Some("command line".to_owned()),
        acting_as: None,
        session_id: None,
        token_id: None,
        client_address: None,
    };
    let object = RecordObject {
        kind: "user".to_owned(),
        id: Some(row.user_id.to_string()),
        name: Some(row.username.clone()),
    };
    let act = audit::Act {
        action,
        outcome: Outcome::Succeeded,
        reason: None,
        person,
        cluster: None,
        object: Some(object),
    };
    audit::append(connection, act).await
}
