//! The JSON API, `/api/v1`: one file a resource. The OpenAPI document is made from these handlers.
#![expect(unused_qualifications, reason = "utoipa's macro writes paths in full")]

pub(crate) mod access;
pub(crate) mod account;
pub(crate) mod adopt;
pub(crate) mod audit;
pub(crate) mod clusters;
mod consoles;
mod events;
mod extract;
pub(crate) mod find;
pub(crate) mod grants;
mod groups;
pub(crate) mod imports;
pub(crate) mod instances;
pub(crate) mod invites;
pub(crate) mod jobs;
mod listing;
mod me;
mod nodes;
pub(crate) mod notes;
mod objects;
pub(crate) mod owner_tags;
pub(crate) mod owners;
pub(crate) mod quotas;
mod roles;
pub(crate) mod second_factor;
pub(crate) mod session;
pub(crate) mod sign_in;
pub(crate) mod ssh_keys;
pub(crate) mod tokens;
pub(crate) mod users;
mod views;
pub(crate) mod watch;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Document;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::state::AppState;

pub(crate) use events::format_id;
pub(crate) use extract::header;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Ganeti Web Manager",
        version = "1",
        description = "Sizes are MiB, times RFC 3339 UTC; null is \"Ganeti doesn't say now\". \
                       Errors are problem documents (RFC 9457) with a stable code. An answer with the \
                       header Gwm-Stale shows what was read that many seconds ago, because the \
                       inventory service does not answer; what it never answered to this person is \
                       503 meanwhile. The header Gwm-Act-As: group/NAME on any request acts as a group \
                       that one belongs to: what is created is the group's, and needs the group's \
                       create_vm; rights on what exists are the same either way. A group that one does \
                       not belong to is 403 not_a_member.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    servers((url = "/api/v1"))
)]
struct Base;

/// The routes and their description.
pub(crate) fn router() -> (Router<AppState>, Document) {
    OpenApiRouter::with_openapi(Base::openapi())
        .routes(routes!(session::login, session::logout))
        .routes(routes!(session::finish))
        .routes(routes!(me::me))
        .routes(routes!(tokens::tokens, tokens::create_token))
        .routes(routes!(tokens::revoke_token))
        .routes(routes!(ssh_keys::own, ssh_keys::add))
        .routes(routes!(ssh_keys::remove))
        .routes(routes!(ssh_keys::of_user))
        .routes(routes!(ssh_keys::remove_of_user))
        .routes(routes!(ssh_keys::of_instance))
        .routes(routes!(ssh_keys::of_cluster))
        .routes(routes!(account::change_password))
        .routes(routes!(account::sessions, account::end_other_sessions))
        .routes(routes!(account::end_session))
        .routes(routes!(second_factor::get, second_factor::begin))
        .routes(routes!(second_factor::remove))
        .routes(routes!(second_factor::confirm))
        .routes(routes!(views::list, views::save))
        .routes(routes!(views::delete))
        .routes(routes!(find::search))
        .routes(routes!(find::complete))
        .routes(routes!(clusters::list, clusters::add))
        .routes(routes!(clusters::probe))
        .routes(routes!(clusters::get, clusters::edit, clusters::remove))
        .routes(routes!(clusters::refresh))
        .routes(routes!(clusters::create_options))
        .routes(routes!(owner_tags::state))
        .routes(routes!(watch::hook))
        .routes(routes!(watch::make_token, watch::withdraw_token))
        .routes(routes!(watch::knock))
        .routes(routes!(imports::confirm_missing))
        .routes(routes!(imports::orphans))
        .merge(
            OpenApiRouter::new()
                .routes(routes!(imports::adopt))
                .layer(DefaultBodyLimit::max(adopt::LARGEST)),
        )
        .routes(routes!(imports::missing))
        .routes(routes!(imports::restore))
        .routes(routes!(imports::purge))
        .routes(routes!(instances::list, instances::create))
        .routes(routes!(instances::get, instances::remove))
        .routes(routes!(owners::set))
        .routes(routes!(notes::change))
        .routes(routes!(instances::startup))
        .routes(routes!(instances::shutdown))
        .routes(routes!(instances::reboot))
        .routes(routes!(nodes::list))
        .routes(routes!(nodes::get))
        .routes(routes!(objects::list_node_groups))
        .routes(routes!(objects::cluster_node_groups))
        .routes(routes!(objects::get_node_group))
        .routes(routes!(objects::list_networks))
        .routes(routes!(objects::cluster_networks))
        .routes(routes!(objects::get_network))
        .routes(routes!(objects::list_oses))
        .routes(routes!(objects::cluster_oses))
        .routes(routes!(objects::cluster_info))
        .routes(routes!(jobs::list))
        .routes(routes!(audit::list))
        .routes(routes!(jobs::get))
        .routes(routes!(jobs::log))
        .routes(routes!(consoles::open))
        .routes(routes!(events::stream))
        .routes(routes!(grants::list, grants::add))
        .routes(routes!(grants::remove))
        .routes(routes!(quotas::list, quotas::change))
        .routes(routes!(quotas::own))
        .routes(routes!(roles::list, roles::create))
        .routes(routes!(roles::change, roles::delete))
        .routes(routes!(access::check))
        .routes(routes!(access::explain))
        .routes(routes!(groups::list, groups::create))
        .routes(routes!(groups::get, groups::change, groups::delete))
        .routes(routes!(groups::set_member, groups::remove_member))
        .routes(routes!(users::list, users::create))
        .routes(routes!(tokens::of_user))
        .routes(routes!(tokens::revoke_of_user))
        .routes(routes!(account::sessions_of_user, account::end_sessions_of_user))
        .routes(routes!(account::end_session_of_user))
        .routes(routes!(users::get, users::change))
        .routes(routes!(users::set_password))
        .routes(routes!(users::reset_second_factor))
        .routes(routes!(sign_in::get, sign_in::set))
        .routes(routes!(invites::list, invites::create))
        .routes(routes!(invites::withdraw))
        .routes(routes!(invites::redeem))
        .split_for_parts()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// Integrators generate clients from it: a change is seen in review or fails here.
    #[test]
    fn openapi_is_as_checked_in() {
        let (_, document) = super::router();
        // Sorted, whatever order serde_json keeps: that depends on what else is compiled with it.
        let mut document = serde_json::to_value(document).unwrap();
        document.sort_all_objects();
        let text = serde_json::to_string_pretty(&document).unwrap() + "\n";
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
        if std::env::var_os("GWM_UPDATE_GOLDEN").is_some() {
            std::fs::write(&file, &text).unwrap();
        }
        let checked_in = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(checked_in == text, "openapi.json is not what the handlers say: run make golden");
    }
}
