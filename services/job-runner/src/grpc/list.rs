//! The list of jobs, and what its filter is completed with.

use gwm_authz::Mode;
use gwm_kernel::Fault;
use gwm_proto::common::{CompleteRequest, CompleteResponse, ObjectRef, PageInfo, Suggestion};
use gwm_proto::jobs::{ListJobsRequest, ListJobsResponse};
use gwm_query::{About, CursorKey, Sort};
use gwm_types::{ClusterId, InstanceUuid};
use tonic::Request;

use super::{JobsServer, convert};
use crate::error::Error;
use crate::seen::Seen;
use crate::store::list::{self, TABLE, Wanted};

/// Newest first.
const OWN_ORDER: &str = "-created";

impl JobsServer {
    pub(super) async fn list(
        &self,
        request: Request<ListJobsRequest>,
    ) -> Result<ListJobsResponse, Fault> {
        let person = self.authz.principal(&request, Mode::Read)?;
        let asked = request.into_inner();
        let page = asked.page.unwrap_or_default();
        let object = asked.object.as_ref().map(read_object).transpose()?;
        let filter = gwm_query::parse(&page.q).map_err(Error::from)?;
        let sort = if page.sort.is_empty() { OWN_ORDER } else { &page.sort };
        let sort = Sort::parse(&TABLE, sort).map_err(Error::from)?;
        let limit = gwm_query::limit(page.limit).map_err(Error::from)?;
        // A cursor belongs to its list: of this person, of this object.
        let audience = format!("{} {:?}", person.user_id, object);
        let key = self.cursor_key().await?;
        let cursor =
            key.open(&TABLE, &sort, &page.q, &audience, &page.cursor).map_err(Error::from)?;
        let seen = Seen::of(&self.authz, &person);
        let wanted = Wanted {
            seen: &seen,
            object,
            filter: &filter,
            sort: &sort,
            limit,
            cursor: cursor.as_ref(),
            counted: !asked.uncounted,
        };
        let found = list::page(&self.store, &wanted).await.map_err(Error::from)?;
        let next = found.next.map(|next| key.seal(&TABLE, &sort, &page.q, &audience, &next));
        Ok(ListJobsResponse {
            jobs: found.jobs.iter().map(|job| convert::listed(job, &seen)).collect(),
            page: Some(PageInfo {
                next_cursor: next.unwrap_or_default(),
                total: found.total,
                total_exact: found.total_exact,
                stream_sequence: found.stream_sequence,
            }),
        })
    }

    pub(super) async fn complete(
        &self,
        request: Request<CompleteRequest>,
    ) -> Result<CompleteResponse, Fault> {
        let person = self.authz.principal(&request, Mode::Read)?;
        let seen = Seen::of(&self.authz, &person);
        let asked = request.into_inner();
        let at = usize::try_from(asked.at).unwrap_or(usize::MAX);
        let completion = gwm_query::complete(&TABLE, &asked.q, at);
        let suggestions = match &completion.about {
            About::Field(_) => completion.suggest_fields(&TABLE),
            About::Value(field, prefix) => {
                let values = list::values(&self.store, field, prefix, &seen);
                gwm_query::suggest_values(values.await.map_err(Error::from)?, prefix)
            }
            About::Nothing => Vec::new(),
        };
        let suggestion = |s: gwm_query::Suggestion| Suggestion {
            kind: s.kind.to_owned(),
            text: s.text,
            detail: s.detail.to_owned(),
        };
        Ok(CompleteResponse {
            from: u32::try_from(completion.from).unwrap_or(u32::MAX),
            to: u32::try_from(completion.to).unwrap_or(u32::MAX),
            suggestions: suggestions.into_iter().map(suggestion).collect(),
        })
    }

    async fn cursor_key(&self) -> Result<&CursorKey, Fault> {
        let load = async || Ok(CursorKey::derive(&self.store.cursor_secret().await?));
        self.cursors.get_or_try_init(load).await.map_err(|error: gwm_pg::Error| error.into())
    }
}

fn read_object(object: &ObjectRef) -> Result<(ClusterId, Option<InstanceUuid>), Fault> {
    let invalid = |message: &str| Fault::invalid("object", message);
    let cluster = object.cluster_id.parse().map_err(|_| invalid("cluster_id must be a UUID"))?;
    match object.kind.as_str() {
        "cluster" => Ok((cluster, None)),
        "instance" => {
            let uuid = object.uuid.parse().map_err(|_| invalid("uuid must be a UUID"))?;
            Ok((cluster, Some(uuid)))
        }
        _ => Err(invalid("jobs are listed by instance or by cluster")),
    }
}
