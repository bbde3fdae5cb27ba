//! The pages: one file each. They ask the services what the API asks them, and draw it.

mod access;
mod add_cluster;
mod addresses;
mod audit;
mod clusters;
mod common;
mod console;
mod edit_cluster;
mod facts;
mod grants;
mod groups;
mod held;
mod hook;
mod imports;
mod instance;
mod instance_create;
mod instances;
mod invites;
mod jobs;
mod listing;
mod login;
mod me;
mod nodes;
mod notes;
mod object;
mod objects;
mod oidc;
mod overview;
mod owner;
mod persona;
mod quotas;
mod roles;
mod search;
mod second_factor;
mod second_factor_needed;
mod sign_in;
mod ssh_keys;
mod sure;
mod tokens;
mod typed;
mod users;
mod views;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use super::AppState;
use super::api::adopt::LARGEST;

/// Where who has to set up a second factor is sent.
const NEEDED: &str = "/second-factor";

pub(crate) fn router(state: AppState) -> Router<AppState> {
    Router::new()
        .route("/", get(overview::page))
        .route("/login", get(login::page).post(login::sign_in))
        .route("/login/code", post(login::code))
        .route("/login/oidc/{provider}", get(oidc::start))
        .route("/login/oidc/{provider}/callback", get(oidc::finish))
        .route("/logout", post(login::sign_out))
        .route(persona::SWITCH, post(persona::switch))
        .route("/me", get(me::page))
        .route("/me/password", post(me::change_password))
        .route("/me/second-factor", post(second_factor::begin))
        .route("/me/second-factor/confirm", post(second_factor::confirm))
        .route("/me/second-factor/remove", post(second_factor::remove))
        .route("/me/sessions/{id}/end", post(me::end_session))
        .route("/me/sessions/end-others", post(me::end_other_sessions))
        .route(NEEDED, get(second_factor_needed::page).post(second_factor_needed::begin))
        .route("/second-factor/confirm", post(second_factor_needed::confirm))
        .route("/sign-in", get(sign_in::page).post(sign_in::save))
        .route("/users", get(users::list))
        .route("/users/new", get(users::new_page).post(users::create))
        .route("/users/{user}", get(users::page))
        .route("/users/{user}/change", post(users::change))
        .route("/users/{user}/second-factor/reset", post(users::reset_second_factor))
        .route("/users/{user}/password", post(users::set_password))
        .route("/users/{user}/tokens/{token}/revoke", post(tokens::revoke_of_user))
        .route("/users/{user}/sessions/{session}/end", post(me::end_session_of))
        .route("/users/{user}/sessions/end", post(me::end_sessions_of))
        .route("/invites", get(invites::list).post(invites::create))
        .route("/invites/{id}/withdraw", post(invites::withdraw))
        .route("/invite", get(invites::open).post(invites::redeem))
        .route("/me/ssh-keys", post(ssh_keys::add))
        .route("/me/ssh-keys/{id}/remove", post(ssh_keys::remove))
        .route("/users/{id}/ssh-keys/{key}/remove", post(ssh_keys::remove_of_user))
        .route("/me/tokens", post(tokens::create_token))
        .route("/me/tokens/{id}/revoke", post(tokens::revoke_token))
        .route("/me/views", post(views::save))
        .route("/me/views/{id}/delete", post(views::delete))
        .route("/search", get(search::page))
        .route("/instances", get(instances::page))
        .route("/instances/new", get(instance_create::page).post(instance_create::create))
        .route("/clusters", get(clusters::list))
        .route("/clusters/add", get(add_cluster::page).post(add_cluster::step))
        .route("/clusters/{c}", get(clusters::page))
        .route("/clusters/{c}/added", get(add_cluster::added))
        .route("/clusters/{c}/edit", get(edit_cluster::page).post(edit_cluster::save))
        .route("/clusters/{c}/hook", get(hook::page))
        .route("/clusters/{c}/hook-token", post(hook::make_token))
        .route("/clusters/{c}/hook-token/withdraw", post(hook::withdraw_token))
        .route("/hooks/gwm-knock", get(super::api::watch::script))
        .route("/clusters/{c}/refresh", post(clusters::refresh))
        .route("/clusters/{c}/pause", post(clusters::pause))
        .route("/clusters/{c}/resume", post(clusters::resume))
        .route("/clusters/{c}/remove", post(clusters::remove))
        .route("/clusters/{c}/missing", post(clusters::confirm_missing))
        .route("/clusters/{c}/instances/{i}", get(instance::page))
        .route("/clusters/{c}/instances/{i}/startup", post(instance::startup))
        .route("/clusters/{c}/instances/{i}/shutdown", post(instance::shutdown))
        .route("/clusters/{c}/instances/{i}/reboot", post(instance::reboot))
        .route(
            "/clusters/{c}/instances/{i}/delete",
            get(instance::delete_page).post(instance::delete),
        )
        .route("/clusters/{c}/instances/{i}/console", get(console::page))
        .route("/clusters/{c}/nodes/{n}", get(nodes::page))
        .route("/nodes", get(nodes::list))
        .route("/clusters/{c}/node-groups/{g}", get(object::node_group))
        .route("/node-groups", get(objects::node_groups))
        .route("/clusters/{c}/networks/{n}", get(object::network))
        .route("/networks", get(objects::networks))
        .route("/oses", get(objects::oses))
        .route("/jobs", get(jobs::list))
        .route("/audit", get(audit::list))
        .route("/jobs/{id}", get(jobs::page))
        .route("/clusters/{c}/instances/{i}/owner", get(owner::page).post(owner::save))
        .route("/clusters/{c}/instances/{i}/notes", get(notes::page).post(notes::save))
        .route("/imports/orphans", get(imports::orphans))
        .route("/imports/orphans/adopt", post(imports::adopt).layer(DefaultBodyLimit::max(LARGEST)))
        .route("/imports/missing", get(imports::missing))
        .route("/imports/missing/restore", post(imports::restore))
        .route("/imports/missing/purge", post(imports::purge))
        .route("/groups", get(groups::list).post(groups::create))
        .route("/groups/{g}", get(groups::page))
        .route("/groups/{g}/description", post(groups::describe))
        .route("/groups/{g}/members", post(groups::set_member))
        .route("/groups/{g}/members/{u}/remove", post(groups::remove_member))
        .route("/groups/{g}/delete", post(groups::delete))
        .route("/quotas", get(quotas::page))
        .route("/quotas/edit", get(quotas::edit).post(quotas::save))
        .route("/roles", get(roles::list))
        .route("/roles/new", get(roles::fresh).post(roles::create))
        .route("/roles/{r}", get(roles::page).post(roles::save))
        .route("/roles/{r}/delete", post(roles::delete))
        .route("/access", get(access::page))
        .route("/grants", post(grants::add))
        .route("/grants/{id}/revoke", post(grants::revoke))
        .fallback(common::no_such_page)
        .layer(from_fn_with_state(state, typed::keep))
}
