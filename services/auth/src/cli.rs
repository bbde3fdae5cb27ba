//! The verbs besides `serve`: what can be done without anybody being signed in.

use std::io::{BufRead, Write};

use anyhow::Context;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::app::{
    Passwords, add_user, bootstrap_admin, generated_password, import_users, reset_admin,
};
use crate::config::Config;
use crate::domain::read_people;
use crate::error::chain;
use crate::store::audit_verify::{self, Verdict};
use crate::store::{MIGRATOR, Store};

const VERIFY_USAGE: &str =
    "usage: gwm-auth verify-audit [NUMBER HASH], as it said at its end before";

/// Brings the tables up to date and makes the first administrator.
pub(crate) async fn migrate(config: Config) -> anyhow::Result<()> {
    let store = connect(&config)?;
    gwm_pg::migrate(store.pool(), &MIGRATOR).await?;
    let (password, shown) = password(&config);
    let made = bootstrap_admin(&store, &Passwords::alone(), &password).await;
    if made.map_err(|e| anyhow::anyhow!(chain(&e)))? {
        say(&format!("gwm-auth: first administrator: admin / {shown}"))?;
    }
    Ok(())
}

/// `verify-audit [NUMBER HASH]`, `reset-admin`, `add-user NAME [--admin]` and `import-users FILE`.
pub(crate) async fn command(config: Config, words: Vec<String>) -> Option<anyhow::Result<()>> {
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["verify-audit"] => Some(verify(config, None).await),
        ["verify-audit", number, hash] => match number.parse() {
            Ok(number) => Some(verify(config, Some((number, hash))).await),
            Err(_) => Some(Err(anyhow::anyhow!(VERIFY_USAGE))),
        },
        ["verify-audit", ..] => Some(Err(anyhow::anyhow!(VERIFY_USAGE))),
        ["reset-admin"] => Some(reset(config).await),
        ["add-user", name] => Some(add(config, name, false).await),
        ["add-user", name, "--admin"] | ["add-user", "--admin", name] => {
            Some(add(config, name, true).await)
        }
        ["import-users", file] => Some(import(config, file).await),
        ["import-users", ..] => Some(Err(anyhow::anyhow!("usage: gwm-auth import-users FILE"))),
        ["add-user", ..] => Some(Err(anyhow::anyhow!("usage: gwm-auth add-user NAME [--admin]"))),
        _ => None,
    }
}

/// Says where the audit log does not fit together, and fails then.
async fn verify(config: Config, known: Option<(i64, &str)>) -> anyhow::Result<()> {
    let store = connect(&config)?;
    let verdict = audit_verify::verify(&store, known).await;
    match verdict.map_err(|e| anyhow::anyhow!(chain(&e)))? {
        Verdict::Whole { records: 0, .. } => say("gwm-auth: the audit log is empty"),
        Verdict::Whole { records, last } => {
            let last = last.unwrap_or_default();
            say(&format!("gwm-auth: all {records} records fit; the last is {records} {last}"))
        }
        Verdict::Broken { number, why } => {
            Err(anyhow::anyhow!("the audit log breaks at record {number}: {why}"))
        }
    }
}

async fn reset(config: Config) -> anyhow::Result<()> {
    let store = connect(&config)?;
    let (password, shown) = password(&config);
    let reset = reset_admin(&store, &Passwords::alone(), &password).await;
    reset.map_err(|e| anyhow::anyhow!(chain(&e)))?;
    say(&format!("gwm-auth: administrator: admin / {shown}"))
}

async fn add(config: Config, name: &str, is_admin: bool) -> anyhow::Result<()> {
    let mut line = Zeroizing::new(String::new());
    std::io::stdin().lock().read_line(&mut line).context("the password is read from stdin")?;
    let password: SecretString = line.trim_end_matches(['\n', '\r']).to_owned().into();
    let store = connect(&config)?;
    let added = add_user(&store, &Passwords::alone(), name, &password, is_admin).await;
    added.map_err(|e| anyhow::anyhow!(chain(&e)))?;
    say(&format!("gwm-auth: user {name} added"))
}

/// Says line by line what can't be taken, and fails when there was any.
async fn import(config: Config, file: &str) -> anyhow::Result<()> {
    let text = std::fs::read(file).with_context(|| format!("can't read {file}"))?;
    let people = read_people(&text).with_context(|| format!("can't read {file}"))?;
    let store = connect(&config)?;
    let imported = import_users(&store, &people.good).await;
    let imported = imported.map_err(|e| anyhow::anyhow!(chain(&e)))?;
    for name in &imported.there_already {
        say(&format!("gwm-auth: {name} is there already, and stays as it is"))?;
    }
    say(&format!("gwm-auth: users imported: {}", imported.made))?;
    if people.bad.is_empty() {
        return Ok(());
    }
    let count = people.bad.len();
    let lines = people.bad.join("\n");
    Err(anyhow::anyhow!(
        "lines that could not be taken: {count}; put them right, and import the file again\n{lines}"
    ))
}

/// The configured password, which is not shown, or a new one, which is.
fn password(config: &Config) -> (SecretString, String) {
    if let Some(password) = &config.admin_password {
        return (password.clone(), "(the configured admin_password)".to_owned());
    }
    let password = generated_password();
    let shown = password.expose_secret().to_owned();
    (password, shown)
}

fn connect(config: &Config) -> anyhow::Result<Store> {
    config.validate()?;
    Ok(Store::new(gwm_pg::connect(&config.database, "gwm-auth")?))
}

fn say(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    Ok(out.flush()?)
}
