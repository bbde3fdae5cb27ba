//! `/users`: who can sign in, and what administrators do to their accounts.

use axum::Form;
use axum::extract::{Path, RawQuery, State};
use axum::response::IntoResponse;
use axum_extra::extract::Query;
use chrono::{DateTime, Utc};
use gwm_kernel::{ErrorCode, Fault};
use gwm_proto::auth::{
    ChangeUserRequest, CreateUserRequest, GetUserRequest, Group, ListGroupsRequest,
    ResetSecondFactorRequest, SetPasswordRequest,
};
use http::StatusCode;
use serde::Deserialize;

use super::audit;
use super::common::{self, Page, PageError, Viewer, escape, sentence};
use super::held;
use super::listing::{About, ListState, column, extra, fixed};
use super::login::see_other;
use super::{me, quotas, ssh_keys, tokens, views};
use crate::http::AppState;
use crate::http::api::users::{UserDocument, read};
use crate::http::problem::Problem;
use crate::http::views::form::{FieldError, FormErrors};
use crate::http::views::parts::{Link, Mark, Status, When};
use crate::http::views::shell::Section;
use crate::http::views::users::{UserNewPage, UserPage, UserRow, UsersPage};

const ABOUT: About = About {
    path: "/users",
    kind: "user",
    noun: "users",
    q_hint: "name, or admin:yes disabled:no last_login>90d",
    own_sort: "username",
    columns: &[
        fixed("Name", "username", ""),
        fixed("Status", "", ""),
        column("role", "Rights", "", ""),
        column("last_login", "Signed in", "last_login", "n"),
        extra("from", "From", "", "low"),
        column("created", "Made", "created", "n low"),
        extra("id", "Id", "", "low"),
    ],
};

fn row(user: UserDocument, now: DateTime<Utc>) -> UserRow {
    let status = if user.disabled {
        Status::new(Mark::Idle, "disabled", "may not sign in, and has no rights meanwhile")
    } else {
        Status::new(Mark::Ok, "active", "")
    };
    UserRow {
        id: user.id,
        username: user.username,
        is_admin: user.is_admin,
        disabled: user.disabled,
        status,
        created: When::new(user.created_at, now),
        last_login: user.last_login_at.map(|at| When::new(at, now)),
        second_factor: user.second_factor,
        origin: user.origin.unwrap_or_default(),
        revision: user.revision,
    }
}

pub(crate) async fn list(
    State(state): State<AppState>,
    viewer: Viewer,
    Query(list): Query<ListState>,
    query: RawQuery,
) -> Page {
    let shell = common::shell(&state, &viewer, Section::Users, "Users", Vec::new());
    let users = read(&state, &viewer.person, list.request());
    let (shell, answer, views) = tokio::join!(shell, users, views::of(&state, &viewer, &ABOUT));
    let (rows, mut listing) = match answer {
        Ok((users, page)) => {
            let now = Utc::now();
            let rows: Vec<UserRow> = users.into_iter().map(|user| row(user, now)).collect();
            let listing = list.listing(&ABOUT, rows.len(), page.as_ref());
            (rows, listing)
        }
        Err(Problem(fault)) if refuses(&fault) => return Err(fault.into()),
        Err(Problem(fault)) => (Vec::new(), list.failed(&ABOUT, &fault)),
    };
    if let Some(elsewhere) = views::opens_at(&views, &ABOUT, &query) {
        return Ok(elsewhere);
    }
    views::tabs(views, &list, &ABOUT, &mut listing);
    common::ok(&UsersPage { shell, list: listing, rows })
}

/// Nothing of the page is for this person.
pub(super) fn refuses(fault: &Fault) -> bool {
    matches!(fault.code, ErrorCode::Unauthenticated | ErrorCode::PermissionDenied)
}

pub(crate) async fn page(
    State(state): State<AppState>,
    viewer: Viewer,
    Path(user): Path<String>,
) -> Page {
    common::ok(&draw(&state, &viewer, user).await?)
}

async fn draw(state: &AppState, viewer: &Viewer, user: String) -> Result<UserPage, PageError> {
    let request = viewer.person.ask(GetUserRequest { user });
    let user = state.clients.people().get_user(request).await?.into_inner();
    let user = row(user.into(), Utc::now());
    let crumbs = vec![Link::new("Users", "/users"), Link::new(&user.username, "")];
    let all = format!("/api/v1/grants?user={}", user.id);
    let (persona, href) = (format!("user/{}", user.username), user.href());
    let (shell, history, held, groups, quotas, keys, tokens, sessions) = tokio::join!(
        common::shell(state, viewer, Section::Users, &user.username, crumbs),
        audit::history(state, viewer, &["uuid", "persona_id"], &user.id),
        Box::pin(held::of(
            state,
            viewer,
            held::Of { id: &user.id, name: &user.username, page: &href, all },
        )),
        groups_of(state, viewer, &user.username),
        quotas::of(state, viewer, &persona, &href),
        ssh_keys::rows(state, viewer, &user.id),
        Box::pin(tokens::rows(state, viewer, &user.id)),
        Box::pin(me::sessions(state, viewer, &user.id)),
    );
    Ok(UserPage {
        shell,
        own: viewer.person.0.user_id.to_string() == user.id,
        done: String::new(),
        keys: keys?,
        tokens: tokens?,
        sessions: sessions.map_err(|Problem(fault)| fault)?,
        here: user.href(),
        history,
        held: held?,
        groups: groups?,
        quotas,
        acts_href: format!("/audit?q={}", escape(&format!("actor_id={}", user.id))),
        errors: FormErrors::default(),
        end_tokens: true,
        user,
    })
}

async fn groups_of(
    state: &AppState,
    viewer: &Viewer,
    username: &str,
) -> Result<Vec<Link>, PageError> {
    let request = viewer.person.ask(ListGroupsRequest { member: username.to_owned() });
    let groups = state.clients.groups().list_groups(request).await?.into_inner().groups;
    let link = |group: Group| {
        let href = format!("/groups/{}", escape(&group.name));
        Link::new(group.name, href)
    };
    Ok(groups.into_iter().map(link).collect())
}

#[derive(Deserialize)]
pub(crate) struct ChangeForm {
    what: String,
    #[serde(default)]
    revision: i64,
}

pub(crate) async fn change(
    State(state): State<AppState>,
    viewer: Viewer,
    Path(user): Path<String>,
    Form(form): Form<ChangeForm>,
) -> Page {
    let (is_admin, disabled) = match form.what.as_str() {
        "disable" => (None, Some(true)),
        "enable" => (None, Some(false)),
        "make_admin" => (Some(true), None),
        "take_admin" => (Some(false), None),
        _ => return Err(Fault::invalid("what", "nothing is known by this word").into()),
    };
    let revision = form.revision;
    let request = viewer.person.ask(ChangeUserRequest { user, revision, is_admin, disabled });
    let user = state.clients.people().change_user(request).await?.into_inner();
    Ok(see_other(&row(user.into(), Utc::now()).href()).into_response())
}

pub(crate) async fn reset_second_factor(
    State(state): State<AppState>,
    viewer: Viewer,
    Path(user): Path<String>,
) -> Page {
    let request = viewer.person.ask(ResetSecondFactorRequest { user });
    let user = state.clients.second_factor().reset_second_factor(request).await?.into_inner();
    Ok(see_other(&row(user.into(), Utc::now()).href()).into_response())
}

#[derive(Deserialize)]
pub(crate) struct PasswordForm {
    password: String,
    #[serde(default)]
    end_tokens: String,
}

pub(crate) async fn set_password(
    State(state): State<AppState>,
    viewer: Viewer,
    Path(user): Path<String>,
    Form(form): Form<PasswordForm>,
) -> Page {
    let keep_tokens = form.end_tokens.is_empty();
    let request = viewer.person.ask(SetPasswordRequest {
        user: user.clone(),
        password: form.password,
        keep_tokens,
    });
    let set = state.clients.people().set_password(request).await;
    match set.map_err(|status| Fault::from_status(&status)) {
        Ok(_) => {
            let mut page = draw(&state, &viewer, user).await?;
            let ended = if keep_tokens { "sign-ins" } else { "sign-ins and API tokens" };
            page.done =
                format!("The password of {} is set; their {ended} have ended.", page.user.username);
            common::ok(&page)
        }
        Err(fault) if fault.code == ErrorCode::InvalidArgument => {
            let mut page = draw(&state, &viewer, user).await?;
            page.errors = wrong(&fault);
            page.end_tokens = !keep_tokens;
            Ok(common::render(StatusCode::BAD_REQUEST, &page))
        }
        Err(fault) => Err(fault.into()),
    }
}

pub(super) fn wrong(fault: &Fault) -> FormErrors {
    let field = match fault.reason.as_ref() {
        "user_exists" => "username".to_owned(),
        _ => fault.field.clone().unwrap_or_default(),
    };
    FormErrors(vec![FieldError { field, message: sentence(&fault.message) }])
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct NewForm {
    username: String,
    password: String,
    is_admin: String,
}

pub(crate) async fn new_page(State(state): State<AppState>, viewer: Viewer) -> Page {
    state.authz.require_admin(&viewer.person.0)?;
    let typed = viewer.typed.as_ref().and_then(|typed| typed.form::<NewForm>("/users/new"));
    let form = typed.unwrap_or_default();
    common::ok(&draw_new(&state, &viewer, form, FormErrors::default()).await)
}

async fn draw_new(
    state: &AppState,
    viewer: &Viewer,
    form: NewForm,
    errors: FormErrors,
) -> UserNewPage {
    let crumbs = vec![Link::new("Users", "/users"), Link::new("Add a user", "")];
    UserNewPage {
        shell: common::shell(state, viewer, Section::Users, "Add a user", crumbs).await,
        username: form.username,
        is_admin: !form.is_admin.is_empty(),
        errors,
    }
}

pub(crate) async fn create(
    State(state): State<AppState>,
    viewer: Viewer,
    Form(form): Form<NewForm>,
) -> Page {
    let request = viewer.person.ask(CreateUserRequest {
        username: form.username.trim().to_owned(),
        password: form.password.clone(),
        is_admin: !form.is_admin.is_empty(),
    });
    let made = state.clients.users().create_user(request).await;
    match made.map_err(|status| Fault::from_status(&status)) {
        Ok(made) => {
            let user = row(made.into_inner().into(), Utc::now());
            Ok(see_other(&user.href()).into_response())
        }
        Err(fault) if refuses(&fault) || fault.code.retryable() => Err(fault.into()),
        Err(fault) => {
            let page = draw_new(&state, &viewer, form, wrong(&fault)).await;
            Ok(common::render(Problem::status(&fault), &page))
        }
    }
}
