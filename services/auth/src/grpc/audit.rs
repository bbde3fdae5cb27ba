//! Reading the audit log.

use gwm_authz::{Authz, Mode, Principal, Scope};
use gwm_kernel::{ErrorCode, Fault};
use gwm_proto::auth::audit_server::Audit;
use gwm_proto::auth::{ListRecordsRequest, ListRecordsResponse};
use gwm_proto::common::{CompleteRequest, CompleteResponse, PageInfo, Suggestion};
use gwm_query::{About, CursorKey, Sort};
use gwm_types::Permission;
use tonic::{Request, Response, Status, async_trait};

use super::Rpcs;
use crate::error::{Error, Result};
use crate::store::audit_list::{self, ListError, Part, Readable, TABLE, Wanted};
use crate::store::{Store, commit, group};

/// Newest first.
const OWN_ORDER: &str = "-at";

/// Which records somebody may read: the one place that decides.
///
/// Everybody reads what they did themselves; who holds `admin` on a cluster or an instance, or administers a group, what is
/// on record about that.
async fn readable(authz: &Authz, store: &Store, person: &Principal) -> Result<Readable> {
    if authz.is_admin(person) {
        return Ok(Readable::All);
    }
    let limited = |permission| match authz.scope(person, permission) {
        // Nobody but administrators holds `admin` on everything.
        Scope::Fleet => None,
        Scope::Limited { clusters, instances, sets } => Some((clusters, instances, sets)),
    };
    let (mut clusters, mut instances, sets) = limited(Permission::Admin).unwrap_or_default();
    clusters.sort_unstable();
    instances.sort_unstable();
    let placed = limited(Permission::ViewPlacement).map(|(clusters, ..)| clusters);
    let mut tx = store.begin().await?;
    let groups = group::administered_by(&mut tx, person.user_id.0).await?;
    commit(tx).await?;
    Ok(Readable::Some(Part { own: person.user_id, clusters, instances, groups, sets, placed }))
}

#[async_trait]
impl Audit for Rpcs {
    async fn list_records(
        &self,
        request: Request<ListRecordsRequest>,
    ) -> Result<Response<ListRecordsResponse>, Status> {
        let person = self.authz.account(&request, Mode::Read)?;
        let page = request.into_inner().page.unwrap_or_default();
        let filter = gwm_query::parse(&page.q).map_err(refused)?;
        let sort = if page.sort.is_empty() { OWN_ORDER } else { &page.sort };
        let sort = Sort::parse(&TABLE, sort).map_err(refused)?;
        let limit = gwm_query::limit(page.limit).map_err(refused)?;
        let readable = readable(&self.authz, &self.store, &person).await?;
        // A cursor belongs to one person's list; who is no administrator any more begins anew.
        let audience = format!("{} {readable:?}", person.user_id);
        let key = self.cursor_key().await?;
        let cursor = key.open(&TABLE, &sort, &page.q, &audience, &page.cursor).map_err(refused)?;
        let wanted = Wanted {
            readable: &readable,
            filter: &filter,
            sort: &sort,
            limit,
            cursor: cursor.as_ref(),
        };
        let found = audit_list::page(&self.store, &wanted).await.map_err(fault)?;
        let next = found.next.map(|next| key.seal(&TABLE, &sort, &page.q, &audience, &next));
        Ok(Response::new(ListRecordsResponse {
            records: found.records,
            page: Some(PageInfo {
                next_cursor: next.unwrap_or_default(),
                total: found.total,
                total_exact: found.total_exact,
                stream_sequence: found.stream_sequence,
            }),
        }))
    }

    async fn complete_records(
        &self,
        request: Request<CompleteRequest>,
    ) -> Result<Response<CompleteResponse>, Status> {
        let person = self.authz.account(&request, Mode::Read)?;
        let readable = readable(&self.authz, &self.store, &person).await?;
        let asked = request.into_inner();
        let at = usize::try_from(asked.at).unwrap_or(usize::MAX);
        let completion = gwm_query::complete(&TABLE, &asked.q, at);
        let suggestions = match &completion.about {
            About::Field(_) => completion.suggest_fields(&TABLE),
            About::Value(field, prefix) => {
                let values = audit_list::values(&self.store, field, prefix, &readable);
                gwm_query::suggest_values(values.await.map_err(fault)?, prefix)
            }
            About::Nothing => Vec::new(),
        };
        let suggestion = |s: gwm_query::Suggestion| Suggestion {
            kind: s.kind.to_owned(),
            text: s.text,
            detail: s.detail.to_owned(),
        };
        Ok(Response::new(CompleteResponse {
            from: u32::try_from(completion.from).unwrap_or(u32::MAX),
            to: u32::try_from(completion.to).unwrap_or(u32::MAX),
            suggestions: suggestions.into_iter().map(suggestion).collect(),
        }))
    }
}

impl Rpcs {
    pub(super) async fn cursor_key(&self) -> Result<&CursorKey, Fault> {
        let load = async || {
            Ok::<_, Fault>(CursorKey::derive(&audit_list::cursor_secret(&self.store).await?))
        };
        self.cursors.get_or_try_init(load).await
    }
}

#[expect(clippy::needless_pass_by_value, reason = "as map_err hands it over")]
pub(super) fn refused(error: gwm_query::Error) -> Fault {
    let reason = match error {
        gwm_query::Error::Cursor => "invalid_cursor",
        gwm_query::Error::Query { .. } | gwm_query::Error::Sort(_) | gwm_query::Error::Limit => {
            "invalid_argument"
        }
    };
    let mut fault = Fault::new(ErrorCode::InvalidArgument, reason, error.to_string());
    fault.field = Some(error.field().to_owned());
    fault.position = error.position();
    fault
}

pub(super) fn fault(error: ListError) -> Fault {
    match error {
        ListError::Query(error) => refused(error),
        ListError::Store(error) => error.into(),
        ListError::Database(error) => Error::from(error).into(),
    }
}
