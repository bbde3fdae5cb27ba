//! API tokens of the person who asks; administrators see and end those of others.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Datelike, Utc};
use gwm_authz::{Mode, Principal};
use gwm_events::types::audit::RecordObject;
use gwm_proto::auth::tokens_server::Tokens;
use gwm_proto::auth::{
    CreateTokenRequest, CreateTokenResponse, ListTokensRequest, ListTokensResponse,
    RevokeTokenRequest, RevokeTokenResponse, Token, TokenObject as WireObject,
};
use gwm_types::{Object, TokenId};
use prost_types::Timestamp;
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::{Rpcs, convert};
use crate::app::{named, of_user, person};
use crate::domain::{PAT_PREFIX, Secret, parse_networks, parse_object};
use crate::error::{Error, Result};
use crate::store::token::{NewToken, TokenObject, TokenRow};
use crate::store::{PgConnection, audit, change, commit, event, persona, role, token};

const LONGEST_NAME: usize = 100;
/// Of a cluster's slug or an instance's name.
const LONGEST_CALLED: usize = 300;
const MOST_NETWORKS: usize = 20;
const MOST_ROLES: usize = 20;
const MOST_OBJECTS: usize = 100;
const MOST_TOKENS: i64 = 100;

#[async_trait]
impl Tokens for Rpcs {
    async fn create_token(
        &self,
        request: Request<CreateTokenRequest>,
    ) -> Result<Response<CreateTokenResponse>, Status> {
        let principal = self.authz.account(&request, Mode::Write)?;
        let request = request.into_inner();
        let secret = Secret::generate(PAT_PREFIX);
        let user_id = principal.user_id.0;
        let mut tx = self.store.begin().await?;
        if !token::lends(&mut tx, principal.token_id.map(|t| t.0)).await? {
            return Err(Error::TokenTooShort.into());
        }
        let new = NewToken {
            prefix: secret.prefix(),
            token_hash: secret.hash(),
            ..self.asked_for(&mut tx, &principal, request).await?
        };
        let count = token::count_locked(&mut tx, user_id).await?.ok_or(Error::NotSignedIn)?;
        if count >= MOST_TOKENS {
            return Err(Error::TooManyTokens(MOST_TOKENS).into());
        }
        let row = token::insert(&mut tx, user_id, &new).await?;
        if row.restricted {
            change::record(&mut tx, &change::Touched::user(user_id)).await?;
        }
        let actor = event::actor_of(&principal);
        event::token_created(&mut tx, &row, Some(actor)).await?;
        audit::append_all(&mut tx, vec![made(&row, &new, &principal)]).await?;
        let mut tokens = with_names(&mut tx, vec![row]).await?;
        commit(tx).await?;
        Ok(Response::new(CreateTokenResponse { token: tokens.pop(), secret: secret.expose() }))
    }

    async fn list_tokens(
        &self,
        request: Request<ListTokensRequest>,
    ) -> Result<Response<ListTokensResponse>, Status> {
        let principal = self.authz.account(&request, Mode::Read)?;
        let whose = self.whose(&principal, &request.get_ref().user, "token.list").await?;
        let mut tx = self.store.begin().await?;
        let rows = token::list(&mut tx, whose).await?;
        let tokens = with_names(&mut tx, rows).await?;
        commit(tx).await?;
        Ok(Response::new(ListTokensResponse { tokens }))
    }

    async fn revoke_token(
        &self,
        request: Request<RevokeTokenRequest>,
    ) -> Result<Response<RevokeTokenResponse>, Status> {
        let principal = self.authz.account(&request, Mode::Write)?;
        let request = request.into_inner();
        let user_id = self.whose(&principal, &request.user, "token.revoke").await?;
        let token_id: TokenId =
            request.token_id.parse().map_err(|_| Error::NotFound("API token"))?;
        let mut tx = self.store.begin().await?;
        if !token::is_of(&mut tx, token_id.0, user_id).await? {
            return Err(Error::NotFound("API token").into());
        }
        // None: revoked already, and that is what was asked for.
        if let Some(row) = token::revoke(&mut tx, user_id, Some(token_id.0)).await?.pop() {
            let revoked_tokens = vec![row.token_id];
            let touched = change::Touched { revoked_tokens, ..Default::default() };
            change::record(&mut tx, &touched).await?;
            let actor = event::actor_of(&principal);
            event::token_revoked(&mut tx, &row, Some(actor)).await?;
            audit::append_all(&mut tx, vec![revoked_act(&row, &principal)]).await?;
        }
        commit(tx).await?;
        Ok(Response::new(RevokeTokenResponse {}))
    }
}

impl Rpcs {
    /// What was asked for, if it can be had. Whatever a token is limited to, its owner's rights are the most it has.
    async fn asked_for(
        &self,
        connection: &mut PgConnection,
        principal: &Principal,
        request: CreateTokenRequest,
    ) -> Result<NewToken> {
        let expires_at = request.expires_at.map(moment).transpose()?;
        if expires_at.is_some_and(|at| at <= Utc::now()) {
            return Err(Error::invalid("expires_at", "this moment is over already"));
        }
        let networks = parse_networks(&request.networks, MOST_NETWORKS)
            .map_err(|why| Error::invalid("networks", why))?;
        let persona_id = match request.persona.trim() {
            "" => None,
            asked => {
                let me = principal.user_id.0;
                let group = named(connection, me, &principal.username, asked).await?;
                Some(group.map_or(me, |group| group.group_id))
            }
        };
        let role_ids = match request.roles.as_slice() {
            [] => None,
            names => Some(role_ids(connection, names).await?),
        };
        let objects = match request.objects.len() {
            0 => None,
            1..=MOST_OBJECTS => Some(self.objects(principal, request.objects)?),
            _ => return Err(Error::invalid("objects", format!("at most {MOST_OBJECTS}"))),
        };
        Ok(NewToken {
            name: check_name(&request.name)?,
            expires_at,
            networks,
            persona_id,
            role_ids,
            objects,
            ..NewToken::default()
        })
    }

    fn objects(&self, principal: &Principal, asked: Vec<WireObject>) -> Result<Vec<TokenObject>> {
        let mut objects: Vec<TokenObject> = Vec::with_capacity(asked.len());
        for asked in asked {
            let object = parse_object(asked.object.as_ref())
                .map_err(|why| Error::invalid("objects", why))?;
            if !matches!(object, Object::Fleet | Object::Cluster(_) | Object::Instance(..)) {
                let text = "a token is for everything, for clusters or for instances";
                return Err(Error::invalid("objects", text));
            }
            if object != Object::Fleet && !self.authz.sees(principal, object) {
                return Err(Error::NotFound(object.kind()));
            }
            if asked.cluster.len() > LONGEST_CALLED || asked.name.len() > LONGEST_CALLED {
                return Err(Error::invalid("objects", "a name is too long"));
            }
            if !objects.iter().any(|known| known.object == object) {
                objects.push(TokenObject { object, slug: asked.cluster, name: asked.name });
            }
        }
        Ok(objects)
    }
}

async fn role_ids(connection: &mut PgConnection, names: &[String]) -> Result<Vec<Uuid>> {
    if names.len() > MOST_ROLES {
        return Err(Error::invalid("roles", format!("at most {MOST_ROLES}")));
    }
    let found = role::ids(connection, names, &[]).await?;
    match names.iter().find(|name| !found.iter().any(|(_, known)| known == *name)) {
        None => Ok(found.into_iter().map(|(id, _)| id).collect()),
        Some(name) => {
            let shown: String = name.chars().take(64).collect();
            Err(Error::invalid("roles", format!("there is no role {shown:?}")))
        }
    }
}

fn moment(at: Timestamp) -> Result<DateTime<Utc>> {
    let found = DateTime::from_timestamp(at.seconds, u32::try_from(at.nanos).unwrap_or_default());
    // Beyond that the database's calendar ends.
    let found = found.filter(|at| at.year() < 10_000);
    found.ok_or_else(|| Error::invalid("expires_at", "this is no moment"))
}

/// Rows as messages, with what their ids are called now.
async fn with_names(connection: &mut PgConnection, rows: Vec<TokenRow>) -> Result<Vec<Token>> {
    let ids: Vec<Uuid> = rows.iter().map(|row| row.token_id).collect();
    let mut objects = token::objects(connection, &ids).await?;
    let roles: Vec<Uuid> =
        rows.iter().flat_map(|row| row.role_ids.clone().unwrap_or_default()).collect();
    let roles: HashMap<Uuid, String> =
        role::ids(connection, &[], &roles).await?.into_iter().collect();
    let personas: Vec<Uuid> = rows.iter().filter_map(|row| row.persona_id).collect();
    let personas = persona::names(connection, &personas).await?;
    let told = rows.into_iter().map(|row| {
        let of = objects.remove(&row.token_id).unwrap_or_default();
        convert::token(row, &roles, &personas, of)
    });
    Ok(told.collect())
}

fn check_name(name: &str) -> Result<String> {
    let name = name.trim();
    let length = name.chars().count();
    if !(1..=LONGEST_NAME).contains(&length) || name.chars().any(char::is_control) {
        let message = format!("a token's name has 1 to {LONGEST_NAME} printable characters");
        return Err(Error::invalid("name", message));
    }
    Ok(name.to_owned())
}

/// Of somebody else's the record stands with them, too.
fn revoked_act(row: &TokenRow, principal: &Principal) -> audit::Entry {
    let own = row.user_id == principal.user_id.0;
    audit::Entry {
        action: "token.revoke",
        person: Some(person(principal)),
        cluster: None,
        object: Some(object(row)),
        details: if own { BTreeMap::new() } else { of_user(&row.username, row.user_id) },
    }
}

fn object(row: &TokenRow) -> RecordObject {
    RecordObject {
        kind: "token".to_owned(),
        id: Some(row.token_id.to_string()),
        name: Some(row.name.clone()),
    }
}

/// A new one, with what it is limited to.
fn made(row: &TokenRow, new: &NewToken, principal: &Principal) -> audit::Entry {
    let mut details = BTreeMap::new();
    if let Some(at) = new.expires_at {
        details.insert("expires_at".to_owned(), at.to_rfc3339().into());
    }
    if !new.networks.is_empty() {
        details.insert("networks".to_owned(), new.networks.clone().into());
    }
    if row.restricted {
        details.insert("restricted".to_owned(), true.into());
    }
    audit::Entry {
        action: "token.create",
        person: Some(person(principal)),
        cluster: None,
        object: Some(object(row)),
        details,
    }
}
