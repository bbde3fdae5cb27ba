//! Bringing users of the predecessor in, with the password hashes that they had there.

use super::bootstrap::created;
use crate::domain::PersonLine;
use crate::error::Result;
use crate::store::{Store, commit, user};

/// What an import came to.
#[derive(Debug, Default)]
pub(crate) struct Imported {
    pub(crate) made: usize,
    /// Names that were taken: whoever has one keeps it, and their password.
    pub(crate) there_already: Vec<String>,
}

/// Makes all of them, or none: an import that dies is done again.
pub(crate) async fn import_users(store: &Store, people: &[PersonLine]) -> Result<Imported> {
    let mut imported = Imported::default();
    let mut tx = store.begin().await?;
    for person in people {
        let name = person.username.as_str();
        let hash = &person.password_hash;
        let Some(row) = user::insert_absent(&mut tx, name, hash, person.is_admin).await? else {
            imported.there_already.push(name.to_owned());
            continue;
        };
        let row = match person.disabled {
            true => user::change(&mut tx, row.user_id, row.is_admin, true).await?,
            false => row,
        };
        created(&mut tx, &row, "user.import").await?;
        imported.made += 1;
    }
    commit(tx).await?;
    Ok(imported)
}
