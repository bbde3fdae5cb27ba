//! Rows as messages.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use gwm_authz::{Authz, Principal};
use gwm_proto::auth::{Grant, LoginResponse, Token, TokenObject as WireObject, User};
use gwm_types::{Object, Permission};
use prost_types::Timestamp;
use uuid::Uuid;

use crate::app::LoginOutcome;
use crate::domain::object_ref;
use crate::store::grant::GrantRow;
use crate::store::token::{TokenObject, TokenRow};
use crate::store::user::UserRow;

/// A time as it goes over the wire.
pub(crate) fn timestamp(at: DateTime<Utc>) -> Timestamp {
    Timestamp {
        seconds: at.timestamp(),
        // Below a thousand million, but for leap seconds, which Postgres has none of.
        nanos: i32::try_from(at.timestamp_subsec_nanos()).unwrap_or_default(),
    }
}

pub(super) fn user(row: UserRow) -> User {
    User {
        user_id: row.user_id.to_string(),
        username: row.username,
        is_admin: row.is_admin,
        created_at: Some(timestamp(row.created_at)),
        disabled: row.disabled,
        revision: row.revision,
        last_login_at: row.last_login_at.map(timestamp),
        second_factor: row.second_factor,
        origin: row.origin.unwrap_or_default(),
    }
}

pub(super) fn token(
    row: TokenRow,
    roles: &HashMap<Uuid, String>,
    personas: &HashMap<Uuid, String>,
    objects: Vec<TokenObject>,
) -> Token {
    let called = |ids: Option<Vec<Uuid>>| -> Vec<String> {
        ids.unwrap_or_default().iter().filter_map(|id| roles.get(id).cloned()).collect()
    };
    Token {
        token_id: row.token_id.to_string(),
        name: row.name,
        prefix: row.prefix,
        created_at: Some(timestamp(row.created_at)),
        last_used_at: row.last_used_at.map(timestamp),
        expires_at: row.expires_at.map(timestamp),
        networks: row.networks,
        persona: row.persona_id.and_then(|id| personas.get(&id).cloned()).unwrap_or_default(),
        roles: called(row.role_ids),
        objects: objects
            .into_iter()
            .map(|of| WireObject {
                object: Some(object_ref(of.object)),
                cluster: of.slug,
                name: of.name,
            })
            .collect(),
        restricted: row.restricted,
        last_address: row.last_address,
    }
}

/// A right as somebody may see it: what node groups are called is for those who see where instances run.
pub(super) fn grant_for(authz: &Authz, who: &Principal, mut row: GrantRow) -> Grant {
    let sees = |on: Object| authz.allows(who, Permission::ViewPlacement, on);
    let named = match (row.cluster_id, row.node_group) {
        (Some(cluster), Some(group)) => sees(Object::NodeGroup(cluster.into(), group.into())),
        (Some(cluster), None) => sees(Object::Cluster(cluster.into())),
        (None, _) => true,
    };
    if !named {
        row.node_group_name = None;
    }
    grant(row)
}

pub(super) fn grant(row: GrantRow) -> Grant {
    let object = object_ref(row.object());
    let selector = row.selector().unwrap_or_default();
    Grant {
        selector,
        grant_id: row.grant_id.to_string(),
        persona_kind: row.kind,
        persona_id: row.persona_id.to_string(),
        persona_name: row.name,
        object: Some(object),
        role: row.role,
        created_at: Some(timestamp(row.created_at)),
        created_by: row.created_by.unwrap_or_default(),
        cluster: row.slug.or(row.selector_slug).unwrap_or_default(),
    }
}

/// What somebody gets who signs in.
pub(super) fn login(outcome: LoginOutcome) -> LoginResponse {
    match outcome {
        LoginOutcome::In(session) => LoginResponse {
            session_token: session.token.expose(),
            expires_at: Some(session.expires_at),
            user: Some(user(session.user)),
            challenge: String::new(),
        },
        LoginOutcome::CodeNeeded(challenge) => {
            LoginResponse { challenge: challenge.expose(), ..LoginResponse::default() }
        }
    }
}
