//! Setting how people sign in.

use gwm_authz::Principal;
use gwm_events::types::audit::RecordObject;

use super::ending::Ended;
use super::people::still_admin;
use super::refusal::person;
use crate::domain::Needed;
use crate::error::{Error, Result};
use crate::store::policy::Policy;
use crate::store::{Store, audit, change, commit, event, policy, user};

/// Sets of whom a second factor is needed. Whoever has none and needs one is signed out: what they do next
/// is to set it up.
pub(crate) async fn set_policy(
    store: &Store,
    asker: &Principal,
    second_factor: &str,
    revision: i64,
) -> Result<Policy> {
    let needed = Needed::read(second_factor).ok_or_else(|| {
        Error::invalid("second_factor", "it is nobody, administrators or everybody")
    })?;
    let mut tx = store.begin().await?;
    user::lock_admins(&mut tx).await?;
    still_admin(&mut tx, asker).await?;
    policy::lock(&mut tx).await?;
    let before = policy::fetch(&mut tx).await?;
    if revision != 0 && revision != before.revision {
        return Err(Error::PolicyChanged);
    }
    if needed == before.second_factor {
        return Ok(before);
    }
    let own = user::lock(&mut tx, &asker.user_id.to_string()).await?.ok_or(Error::NotSignedIn)?;
    // An administrator is among them in either case.
    if needed != Needed::Nobody && !own.second_factor {
        return Err(Error::SecondFactorFirst);
    }
    policy::set(&mut tx, needed).await?;
    let ended =
        Ended { sessions: policy::end_sessions_without(&mut tx).await?, ..Ended::default() };
    if !ended.sessions.is_empty() {
        change::record(&mut tx, &ended.touched(Vec::new())).await?;
        ended.tell(&mut tx, Some(&event::actor_of(asker))).await?;
    }
    let details = [
        ("second_factor".to_owned(), needed.word().into()),
        ("before".to_owned(), before.second_factor.word().into()),
        ("ended_sessions".to_owned(), ended.sessions.len().into()),
    ];
    let set = audit::Entry {
        action: "sign_in.change",
        person: Some(person(asker)),
        cluster: None,
        object: Some(RecordObject { kind: "sign_in".to_owned(), id: None, name: None }),
        details: details.into(),
    };
    audit::append_all(&mut tx, vec![set]).await?;
    let after = policy::fetch(&mut tx).await?;
    commit(tx).await?;
    Ok(after)
}
