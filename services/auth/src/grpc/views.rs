//! Saved views of the person who asks. They are a convenience and no right: nothing is audited.

use gwm_authz::Mode;
use gwm_proto::auth::views_server::Views;
use gwm_proto::auth::{
    DeleteViewRequest, DeleteViewResponse, ListViewsRequest, ListViewsResponse, SaveViewRequest,
    View,
};
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::{Rpcs, timestamp};
use crate::error::{Error, Result};
use crate::store::view::{NewView, ViewRow};
use crate::store::{commit, view};

const LONGEST_NAME: usize = 60;
const LONGEST_QUERY: usize = 1000;
const MOST_COLUMNS: usize = 40;
const MOST_VIEWS: i64 = 100;

#[async_trait]
impl Views for Rpcs {
    async fn list_views(
        &self,
        request: Request<ListViewsRequest>,
    ) -> Result<Response<ListViewsResponse>, Status> {
        let principal = self.authz.account(&request, Mode::Read)?;
        let list = &request.get_ref().list;
        let list = (!list.is_empty()).then_some(list.as_str());
        let mut tx = self.store.begin().await?;
        let rows = view::list(&mut tx, principal.user_id.0, list).await?;
        commit(tx).await?;
        Ok(Response::new(ListViewsResponse { views: rows.into_iter().map(wire).collect() }))
    }

    async fn save_view(&self, request: Request<SaveViewRequest>) -> Result<Response<View>, Status> {
        let principal = self.authz.account(&request, Mode::Write)?;
        let asked = request.get_ref();
        let new = check(asked)?;
        let user_id = principal.user_id.0;
        let mut tx = self.store.begin().await?;
        if view::count_others_locked(&mut tx, user_id, &new).await? >= MOST_VIEWS {
            return Err(Error::TooManyViews(MOST_VIEWS).into());
        }
        let row = view::save(&mut tx, user_id, &new).await?;
        commit(tx).await?;
        Ok(Response::new(wire(row)))
    }

    async fn delete_view(
        &self,
        request: Request<DeleteViewRequest>,
    ) -> Result<Response<DeleteViewResponse>, Status> {
        let principal = self.authz.account(&request, Mode::Write)?;
        let view_id: Uuid =
            request.get_ref().view_id.parse().map_err(|_| Error::NotFound("saved view"))?;
        let mut tx = self.store.begin().await?;
        if !view::delete(&mut tx, principal.user_id.0, view_id).await? {
            return Err(Error::NotFound("saved view").into());
        }
        commit(tx).await?;
        Ok(Response::new(DeleteViewResponse {}))
    }
}

/// The grammar of `q` is the list's own; here only what any view must keep to.
fn check(asked: &SaveViewRequest) -> Result<NewView<'_>> {
    let name = asked.name.trim();
    let length = name.chars().count();
    if !(1..=LONGEST_NAME).contains(&length) || name.chars().any(char::is_control) {
        let message = format!("a view's name has 1 to {LONGEST_NAME} printable characters");
        return Err(Error::invalid("name", message));
    }
    let word = |text: &str, longest: usize| {
        text.len() <= longest
            && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
    };
    if asked.list.is_empty() || !word(&asked.list, 40) {
        return Err(Error::invalid("list", "list is a list's name, for instance instances"));
    }
    if asked.q.chars().count() > LONGEST_QUERY || asked.q.contains('\0') {
        let message = format!("a query has at most {LONGEST_QUERY} characters");
        return Err(Error::invalid("q", message));
    }
    if !word(&asked.sort, 64) {
        return Err(Error::invalid("sort", "sort is a field's name, - before it for descending"));
    }
    if asked.columns.len() > MOST_COLUMNS || !asked.columns.iter().all(|c| word(c, 64)) {
        let message = format!("columns are at most {MOST_COLUMNS} names of columns");
        return Err(Error::invalid("columns", message));
    }
    Ok(NewView {
        list: &asked.list,
        name,
        q: asked.q.trim(),
        sort: &asked.sort,
        columns: &asked.columns,
        is_default: asked.is_default,
    })
}

fn wire(row: ViewRow) -> View {
    View {
        view_id: row.view_id.to_string(),
        list: row.list,
        name: row.name,
        q: row.q,
        sort: row.sort,
        columns: row.columns,
        is_default: row.is_default,
        updated_at: Some(timestamp(row.updated_at)),
    }
}
