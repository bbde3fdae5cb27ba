//! `/access`: what somebody may do to something, and why.

use axum::extract::State;
use axum_extra::extract::Query;
use gwm_kernel::{ErrorCode, Fault};
use gwm_proto::auth::{ExplainResponse, Reason};
use http::StatusCode;
use serde::Deserialize;

use super::common::{self, Page, Viewer, escape, sentence};
use crate::http::AppState;
use crate::http::api::access::{ExplainQuery, explained};
use crate::http::problem::Problem;
use crate::http::views::explain::{AccessPage, Explained, ReasonRow};
use crate::http::views::form::{FieldError, FormErrors};
use crate::http::views::parts::Link;
use crate::http::views::shell::Section;

#[derive(Default, Clone, Deserialize)]
#[serde(default)]
pub(crate) struct AccessForm {
    user: Option<String>,
    cluster: String,
    instance: String,
}

pub(crate) async fn page(
    State(state): State<AppState>,
    viewer: Viewer,
    Query(form): Query<AccessForm>,
) -> Page {
    let shell =
        common::shell(&state, &viewer, Section::Other, "Who may do what, and why", Vec::new());
    let ask = !form.cluster.is_empty() || form.user.is_some();
    let query = ExplainQuery {
        user: form.user.clone().unwrap_or_default().trim().to_owned(),
        fleet: form.cluster.trim().is_empty(),
        cluster: form.cluster.trim().to_owned(),
        instance: form.instance.trim().to_owned(),
        node_group: String::new(),
    };
    let (shell, answer) = tokio::join!(shell, async {
        if ask { Some(explained(&state, &viewer.person, query).await) } else { None }
    });
    let mut page = AccessPage {
        shell,
        user: form.user.clone().unwrap_or_default(),
        cluster: form.cluster.clone(),
        instance: form.instance.clone(),
        errors: FormErrors::default(),
        answer: None,
    };
    match answer {
        None => common::ok(&page),
        Some(Ok(answer)) => {
            page.answer = Some(shown(&form, answer, viewer.admin));
            common::ok(&page)
        }
        Some(Err(Problem(fault))) if tell(&fault) => {
            let field = match (fault.code, fault.field.as_deref()) {
                (_, Some("fleet" | "object")) => "cluster",
                (_, Some(field)) => field,
                (ErrorCode::NotFound, None) if form.instance.is_empty() => "cluster",
                (ErrorCode::NotFound, None) => "instance",
                (_, None) => "",
            };
            let error = FieldError { field: field.to_owned(), message: sentence(&fault.message) };
            page.errors = FormErrors(vec![error]);
            Ok(common::render(StatusCode::BAD_REQUEST, &page))
        }
        Some(Err(Problem(fault))) => Err(fault.into()),
    }
}

/// Something else can be asked for.
fn tell(fault: &Fault) -> bool {
    let codes = [ErrorCode::InvalidArgument, ErrorCode::NotFound, ErrorCode::PermissionDenied];
    codes.contains(&fault.code)
}

fn shown(form: &AccessForm, answer: ExplainResponse, admin: bool) -> Explained {
    let cluster = form.cluster.trim();
    let object = match (cluster, form.instance.trim()) {
        ("", _) => Link::new("everything", ""),
        (cluster, "") => Link::new(format!("cluster {cluster}"), format!("/clusters/{cluster}")),
        (cluster, i) => Link::new(i, format!("/clusters/{cluster}/instances/{}", escape(i))),
    };
    Explained {
        object,
        user: answer.username,
        allowed: answer.allowed,
        is_admin: answer.is_admin,
        disabled: answer.disabled,
        reasons: answer.reasons.into_iter().map(|r| reason(r, admin)).collect(),
    }
}

fn reason(reason: Reason, admin: bool) -> ReasonRow {
    let grant = reason.grant.unwrap_or_default();
    let by_group = grant.persona_kind == "group";
    let name = grant.persona_name;
    // Only administrators have pages of people.
    let whose = match by_group {
        true => Link::new(format!("group/{name}"), format!("/groups/{}", escape(&name))),
        false if admin => Link::new(&name, format!("/users/{}", escape(&name))),
        false => Link::new(&name, ""),
    };
    ReasonRow {
        role: grant.role,
        allows: reason.allows,
        whose,
        on: match grant.object.as_ref().map(|object| object.kind.as_str()) {
            Some("instance") => "this instance".to_owned(),
            Some("cluster") => "the cluster".to_owned(),
            Some("node_group") => format!("via node group: {}", grant.selector),
            Some("selector") => format!("via selector: {}", grant.selector),
            _ => "everything".to_owned(),
        },
    }
}
