//! Public SSH keys: one's own, and for scripts those of who may log in.

use std::collections::BTreeMap;

use chrono::Utc;
use gwm_authz::{Mode, Principal};
use gwm_events::types::access::{SSH_KEY_ADDED, SSH_KEY_REMOVED};
use gwm_events::types::audit::RecordObject;
use gwm_proto::auth::ssh_keys_server::SshKeys;
use gwm_proto::auth::{
    AddSshKeyRequest, ExportSshKeysRequest, ExportSshKeysResponse, ExportedKey, ListSshKeysRequest,
    ListSshKeysResponse, RemoveSshKeyRequest, RemoveSshKeyResponse, SshKey,
};
use gwm_types::{Object, Permission};
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::{Rpcs, convert};
use crate::app::person;
use crate::domain::{parse_object, parse_ssh_key};
use crate::error::{Error, Result};
use crate::store::ssh_key::SshKeyRow;
use crate::store::{PgConnection, audit, commit, event, reservation, ssh_key, token, user};

const LONGEST_NAME: usize = 100;
const MOST_KEYS: i64 = 50;

#[async_trait]
impl SshKeys for Rpcs {
    async fn add_ssh_key(
        &self,
        request: Request<AddSshKeyRequest>,
    ) -> Result<Response<SshKey>, Status> {
        let principal = self.authz.account(&request, Mode::Write)?;
        let request = request.into_inner();
        let key =
            parse_ssh_key(&request.public_key).map_err(|why| Error::invalid("public_key", why))?;
        let name = name(&request.name, &key.comment, &key.algorithm)?;
        let user_id = principal.user_id.0;
        let mut tx = self.store.begin().await?;
        if !token::lends(&mut tx, principal.token_id.map(|t| t.0)).await? {
            return Err(Error::TokenTooShort.into());
        }
        let count = ssh_key::count_locked(&mut tx, user_id).await?.ok_or(Error::NotSignedIn)?;
        if count >= MOST_KEYS {
            return Err(Error::TooManySshKeys(MOST_KEYS).into());
        }
        let row = ssh_key::insert(&mut tx, user_id, &name, &key).await?;
        event::ssh_key(&mut tx, SSH_KEY_ADDED, row.created_at, &row, event::actor_of(&principal))
            .await?;
        audit::append_all(&mut tx, vec![act("ssh_key.add", &row, &principal)]).await?;
        commit(tx).await?;
        Ok(Response::new(message(row)))
    }

    async fn list_ssh_keys(
        &self,
        request: Request<ListSshKeysRequest>,
    ) -> Result<Response<ListSshKeysResponse>, Status> {
        let principal = self.authz.account(&request, Mode::Read)?;
        let whose = self.whose(&principal, &request.get_ref().user, "ssh_key.list").await?;
        let mut tx = self.store.begin().await?;
        let rows = ssh_key::list(&mut tx, &[whose]).await?;
        commit(tx).await?;
        let keys = rows.into_iter().map(message).collect();
        Ok(Response::new(ListSshKeysResponse { keys }))
    }

    async fn remove_ssh_key(
        &self,
        request: Request<RemoveSshKeyRequest>,
    ) -> Result<Response<RemoveSshKeyResponse>, Status> {
        let principal = self.authz.account(&request, Mode::Write)?;
        let request = request.into_inner();
        let whose = self.whose(&principal, &request.user, "ssh_key.remove").await?;
        let none = || Error::NotFound("SSH key");
        let key: Uuid = request.key_id.parse().map_err(|_| none())?;
        let mut tx = self.store.begin().await?;
        let row = ssh_key::remove(&mut tx, whose, key).await?.ok_or_else(none)?;
        event::ssh_key(&mut tx, SSH_KEY_REMOVED, Utc::now(), &row, event::actor_of(&principal))
            .await?;
        audit::append_all(&mut tx, vec![act("ssh_key.remove", &row, &principal)]).await?;
        commit(tx).await?;
        Ok(Response::new(RemoveSshKeyResponse {}))
    }

    async fn export_ssh_keys(
        &self,
        request: Request<ExportSshKeysRequest>,
    ) -> Result<Response<ExportSshKeysResponse>, Status> {
        let principal = self.authz.principal(&request, Mode::Read)?;
        let request = request.into_inner();
        let object =
            parse_object(request.object.as_ref()).map_err(|why| Error::invalid("object", why))?;
        self.authz.require(&principal, Permission::ReadKeys, object)?;
        let mut tx = self.store.begin().await?;
        let makers = makers(&mut tx, object, &request).await?;
        // The decisions' own index, so that a key is there just as long as its owner can log in by the console.
        let mut holders = self.authz.holders(Permission::Console, object);
        holders.retain(|holder| holder.granted || request.administrators);
        let users: Vec<Uuid> = holders.iter().map(|holder| holder.user.0).chain(makers).collect();
        let rows = ssh_key::list(&mut tx, &users).await?;
        commit(tx).await?;
        let keys = rows
            .into_iter()
            .map(|row| ExportedKey { username: row.username, public_key: row.public_key });
        Ok(Response::new(ExportSshKeysResponse { keys: keys.collect() }))
    }
}

/// Who is making the instance that is meant, if its name is given. Where two ask for one name nobody knows yet whose it will be.
async fn makers(
    tx: &mut PgConnection,
    object: Object,
    request: &ExportSshKeysRequest,
) -> Result<Vec<Uuid>> {
    let name = request.instance_name.trim();
    let (cluster, instance) = match object {
        _ if name.is_empty() => return Ok(Vec::new()),
        Object::Cluster(cluster) => (cluster, None),
        Object::Instance(cluster, instance) => (cluster, Some(instance.0)),
        Object::Fleet | Object::NodeGroup(..) | Object::Selector(_) => {
            let text = "is for a cluster or an instance";
            return Err(Error::invalid("instance_name", text));
        }
    };
    let personas = reservation::makers(&mut *tx, cluster.0, name, instance).await?;
    match *personas {
        [] if instance.is_none() => Err(Error::NotFound("instance")),
        [persona] => user::behind(tx, persona, request.administrators).await,
        _ => Ok(Vec::new()),
    }
}

/// As given, or the key's comment, or what kind of key it is.
fn name(given: &str, comment: &str, algorithm: &str) -> Result<String> {
    let name = [given.trim(), comment.trim(), algorithm].into_iter().find(|name| !name.is_empty());
    let name = name.unwrap_or_default();
    if name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
        let rule = format!("a key's name has at most {LONGEST_NAME} printable characters");
        return Err(Error::invalid("name", rule));
    }
    Ok(name.to_owned())
}

fn message(row: SshKeyRow) -> SshKey {
    SshKey {
        key_id: row.key_id.to_string(),
        name: row.name,
        algorithm: row.algorithm,
        public_key: row.public_key,
        fingerprint: row.fingerprint,
        created_at: Some(convert::timestamp(row.created_at)),
    }
}

fn act(action: &'static str, row: &SshKeyRow, principal: &Principal) -> audit::Entry {
    audit::Entry {
        action,
        person: Some(person(principal)),
        cluster: None,
        object: Some(RecordObject {
            kind: "ssh_key".to_owned(),
            id: Some(row.key_id.to_string()),
            name: Some(format!("{} of {}", row.name, row.username)),
        }),
        details: BTreeMap::from([("fingerprint".to_owned(), row.fingerprint.clone().into())]),
    }
}
