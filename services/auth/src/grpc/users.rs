//! People.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gwm_authz::Mode;
use gwm_events::types::audit::{Outcome, RecordObject};
use gwm_proto::auth::users_server::Users;
use gwm_proto::auth::{CreateUserRequest, GetMeRequest, ListUsersRequest, ListUsersResponse, User};
use gwm_proto::common::PageInfo;
use gwm_types::Username;
use tonic::{Request, Response, Status, async_trait};
use zeroize::Zeroizing;

use super::{Rpcs, convert};
use crate::app::{person, require_admin};
use crate::domain::check_strength;
use crate::error::{Error, Result};
use crate::store::{audit, change, commit, event, user};

const COUNTED: i64 = 10_000;
const LONGEST_QUERY: usize = 256;

#[async_trait]
impl Users for Rpcs {
    async fn get_me(&self, request: Request<GetMeRequest>) -> Result<Response<User>, Status> {
        let principal = self.authz.principal(&request, Mode::Read)?;
        let mut tx = self.store.begin().await?;
        let row = user::fetch(&mut tx, principal.user_id.0).await?.ok_or(Error::NotSignedIn)?;
        commit(tx).await?;
        Ok(Response::new(convert::user(row)))
    }

    async fn create_user(
        &self,
        request: Request<CreateUserRequest>,
    ) -> Result<Response<User>, Status> {
        let principal = self.authz.principal(&request, Mode::Write)?;
        require_admin(&self.authz, &self.store, &principal, "user.create").await?;
        let request = request.into_inner();
        let password = Zeroizing::new(request.password);
        let name: Username =
            request.username.parse().map_err(|e| Error::invalid("username", format!("{e}")))?;
        check_strength(&password, name.as_str()).map_err(|why| Error::invalid("password", why))?;
        // Hashed outside: a transaction does not wait for it.
        let hash = self.passwords.hash(password).await?;
        let mut tx = self.store.begin().await?;
        let row = user::insert(&mut tx, name.as_str(), &hash, request.is_admin).await?;
        change::record(&mut tx, &change::Touched::user(row.user_id)).await?;
        let actor = event::actor(&principal.user_id.to_string(), &principal.username);
        event::user_created(&mut tx, &row, Some(actor)).await?;
        let act = audit::Act {
            action: "user.create",
            outcome: Outcome::Succeeded,
            reason: None,
            person: person(&principal),
            object: Some(RecordObject {
                kind: "user".to_owned(),
                id: Some(row.user_id.to_string()),
                name: Some(row.username.clone()),
            }),
        };
        audit::append(&mut tx, act).await?;
        commit(tx).await?;
        Ok(Response::new(convert::user(row)))
    }

    async fn list_users(
        &self,
        request: Request<ListUsersRequest>,
    ) -> Result<Response<ListUsersResponse>, Status> {
        let principal = self.authz.principal(&request, Mode::Read)?;
        require_admin(&self.authz, &self.store, &principal, "user.list").await?;
        let page = request.into_inner().page.unwrap_or_default();
        if page.q.len() > LONGEST_QUERY {
            return Err(Error::invalid("q", "at most 256 characters").into());
        }
        let descending = match page.sort.as_str() {
            "" | "username" => false,
            "-username" => true,
            _ => return Err(Error::invalid("sort", "users are sorted by username only").into()),
        };
        let limit = i64::from(if page.limit == 0 { 50 } else { page.limit });
        if limit > 200 {
            return Err(Error::invalid("limit", "at most 200").into());
        }
        let (after, counted) = read_cursor(&page.cursor)?;
        let mut tx = self.store.begin_snapshot().await?;
        let mut rows = user::list(&mut tx, &page.q, &after, descending, limit + 1).await?;
        let total = match counted {
            Some(total) => total,
            None => user::count(&mut tx, &page.q).await?,
        };
        let sequence = match counted {
            Some(_) => None,
            None => Some(gwm_pg::outbox::acknowledged_sequence(&mut tx, "access").await),
        };
        let sequence = sequence.transpose().map_err(Error::from)?;
        commit(tx).await?;
        let more = usize::try_from(limit).is_ok_and(|l| rows.len() > l);
        if more {
            rows.pop();
        }
        let last = rows.last().filter(|_| more);
        let info = PageInfo {
            next_cursor: last.map(|r| write_cursor(&r.username, total)).unwrap_or_default(),
            total: u64::try_from(total.min(COUNTED)).unwrap_or_default(),
            total_exact: total <= COUNTED,
            stream_sequence: sequence.map(|s| u64::try_from(s).unwrap_or_default()),
        };
        let users = rows.into_iter().map(convert::user).collect();
        Ok(Response::new(ListUsersResponse { users, page: Some(info) }))
    }
}

/// The last name of the page before, and the total that was counted on the first one.
fn write_cursor(last: &str, total: i64) -> String {
    URL_SAFE_NO_PAD.encode(format!("{total} {last}"))
}

fn read_cursor(cursor: &str) -> Result<(String, Option<i64>)> {
    if cursor.is_empty() {
        return Ok((String::new(), None));
    }
    let read = || {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
        let (total, last) = text.split_once(' ')?;
        let total = total.parse().ok().filter(|t| (0..=COUNTED + 1).contains(t))?;
        let last = last.parse::<Username>().ok()?;
        Some((last.into(), Some(total)))
    };
    read().ok_or_else(|| Error::invalid("cursor", "this cursor is not one of ours"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written_and_others_are_refused() {
        let cursor = write_cursor("jane.doe", 17);
        assert_eq!(read_cursor(&cursor).unwrap(), ("jane.doe".to_owned(), Some(17)));
        assert_eq!(read_cursor("").unwrap(), (String::new(), None));
        for bad in ["x", "%%%", &URL_SAFE_NO_PAD.encode("-1 jane"), &"A".repeat(5000)] {
            assert!(read_cursor(bad).is_err(), "{bad}");
        }
    }
}
