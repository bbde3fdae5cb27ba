//! Entering, editing and removing clusters.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use gwm_authz::Principal;
use gwm_events::types::inventory::{CLUSTER_CHANGED, CLUSTER_UNREACHABLE};
use gwm_events::{Actor, Event};
use gwm_kernel::{ErrorCode, Fault};
use gwm_proto::cache as pb;
use gwm_rapi::Endpoint;
use gwm_types::Slug;
use secrecy::SecretString;
use sqlx::types::Json;
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::Server;
use super::checks::{
    check_version, check_write, endpoints, field_of, refused, secret, vnc_password,
};
use crate::audit;
use crate::domain::{ClusterRecord, Offers, PAUSED, differences, owner_tag};
use crate::error::{Error, Result};
use crate::poll::{Import, Reader, Snapshot, Want, connect, forget, import, trust_of};

pub(super) fn actor(person: &Principal) -> Actor {
    Actor {
        user_id: person.user_id.to_string(),
        username: person.username.clone(),
        acting_as: person.group(),
    }
}

/// What it takes to ask a cluster something.
struct Door<'a> {
    endpoints: &'a [String],
    trust: &'a gwm_rapi::Trust,
    username: &'a str,
    password: &'a SecretString,
    slug: &'a str,
}

fn exists(text: String) -> Fault {
    Fault::new(ErrorCode::AlreadyExists, "cluster_exists", text)
}

impl Server {
    /// Reads the cluster, then stores it with all it holds.
    pub(super) async fn add(
        &self,
        person: &Principal,
        request: pb::AddClusterRequest,
    ) -> Result<ClusterRecord> {
        let slug: Slug = request
            .slug
            .parse()
            .map_err(|e: gwm_types::InvalidName| Fault::invalid("slug", e.to_string()))?;
        let endpoints = endpoints(&request.endpoints)?;
        let Some(read) = secret("read", request.read.as_ref())? else {
            return Err(Fault::invalid("read", "give a user and password to read with").into());
        };
        let write = secret("write", request.write.as_ref())?;
        let vnc = vnc_password(request.console.as_ref())?;
        if request.fingerprint.is_empty() && request.ca_pem.is_empty() {
            let text = "confirm the certificate's fingerprint, or give a CA";
            return Err(Fault::invalid("fingerprint", text).into());
        }
        let field = if request.fingerprint.is_empty() { "ca" } else { "fingerprint" };
        let trust = trust_of(&request.fingerprint, &request.ca_pem)
            .map_err(|e| Fault::invalid(field, e))?;
        if self.0.store.fetch_cluster(slug.as_str()).await?.is_some() {
            return Err(exists(format!("there is a cluster called {slug} already")).into());
        }

        let password = request.read.as_ref().map(|c| c.password.clone()).unwrap_or_default();
        let door = Door {
            endpoints: &endpoints,
            trust: &trust,
            username: read.username(),
            password: &SecretString::from(password),
            slug: slug.as_str(),
        };
        let looked = async {
            let (reader, info) = self.first_that_answers(&door, None).await?;
            check_version(&info)?;
            if let Some(known) = self.0.store.fetch_slug_by_ganeti_uuid(info.uuid).await? {
                return Err(exists(format!("this cluster is in gwm already, as {known}")).into());
            }
            if let Some(write) = &write {
                check_write(&reader.client, write, &trust).await?;
            }
            Snapshot::read(&reader, Some(info.uuid), &Want::everything()).await
        };
        let snapshot = looked.await.map_err(|e| {
            let field = field_of(&e);
            refused(field, e)
        })?;

        // One that was here before goes on as what it was: same id, revisions after the last ones.
        let before = self.0.store.fetch_forgotten(snapshot.info.uuid).await?;
        let id = before.as_ref().map_or_else(Uuid::now_v7, |b| b.cluster_id);
        let (row, data_key) = self.0.access.vault.new_row(id);
        let seal = |column: &str, c: Option<&pb::Credential>| {
            c.map(|c| row.seal(column, &SecretString::from(c.password.clone())))
        };
        let mut cluster = ClusterRecord {
            cluster_id: id,
            slug: slug.to_string(),
            name: String::new(),
            ganeti_uuid: snapshot.info.uuid,
            ganeti_version: String::new(),
            master_node: String::new(),
            endpoints,
            read_username: read.username().to_owned(),
            write_username: write.as_ref().map(|w| w.username().to_owned()).unwrap_or_default(),
            fingerprint: match &trust {
                gwm_rapi::Trust::Pinned(fingerprint) => fingerprint.to_string(),
                gwm_rapi::Trust::Ca(_) | gwm_rapi::Trust::Observe => String::new(),
            },
            ca_pem: request.ca_pem.clone(),
            console_enabled: request.console.as_ref().is_none_or(|c| c.enabled),
            data_key,
            read_password_sealed: seal("read_password", request.read.as_ref()).unwrap_or_default(),
            write_password_sealed: seal("write_password", request.write.as_ref()),
            vnc_password_sealed: vnc.map(|p| row.seal("vnc_password", &p)),
            offers: Json(Offers::default()),
            networks: snapshot.networks.clone().unwrap_or_default(),
            oses: None,
            oses_read_at: None,
            enabled_hypervisors: Vec::new(),
            tags: Vec::new(),
            reachable: true,
            last_success: Some(snapshot.observed_at),
            error: String::new(),
            error_code: String::new(),
            next_attempt: Some(Utc::now() + Duration::from_secs_f64(self.0.interval_seconds)),
            interval_seconds: self.0.interval_seconds,
            nodes_total: 0,
            nodes_online: 0,
            instances_total: 0,
            instances_running: 0,
            missing: 0,
            memory_total_mib: 0,
            memory_free_mib: 0,
            disk_total_mib: 0,
            disk_free_mib: 0,
            memory_allocated_mib: 0,
            disk_allocated_mib: 0,
            certificate_not_after: None,
            revision: before.as_ref().map_or(1, |b| b.revision + 1),
            config_version: before.as_ref().map_or(1, |b| b.config_version + 1),
            created_at: Utc::now(),
            paused: false,
            held_read_only: false,
            poll_interval_seconds: 0,
            requests_per_minute: None,
            bulk_seconds: None,
            owner_tags: owner_tag::OFF.to_owned(),
        };
        cluster.take_info(&snapshot.info);
        let mut tx = self.0.store.begin().await?;
        let whole = Import { cluster: &cluster, snapshot: &snapshot, actor: actor(person) };
        import(&mut tx, &whole).await.map_err(duplicate)?;
        let row = audit::record(person, "cluster.add", &cluster, BTreeMap::new())?;
        gwm_pg::outbox::append(&mut tx, &row).await?;
        tx.commit().await?;
        tracing::info!(cluster = %cluster.slug, id = %cluster.cluster_id, "cluster added");
        // Stored is stored: whoever scans next reads it if this fails.
        if let Err(error) = self.0.poller.acquire(id).await {
            tracing::warn!(%error, "new cluster not taken at once");
        }
        self.stored(id).await
    }

    /// The first endpoint that answers as this cluster: after a master failover it is another node.
    /// When none does, the first one's error.
    async fn first_that_answers(
        &self,
        door: &Door<'_>,
        expected: Option<Uuid>,
    ) -> Result<(Reader, gwm_rapi::ClusterInfo)> {
        let mut first: Option<Error> = None;
        for text in door.endpoints {
            let tried = async {
                let endpoint = Endpoint::parse(text)
                    .map_err(|e| Fault::invalid("endpoints", format!("{text}: {e}")))?;
                let password = door.password.clone();
                let loopback = self.0.access.allow_loopback;
                let client =
                    connect(endpoint, door.trust, door.username, password, loopback).await?;
                let gate = Arc::new(Semaphore::new(2));
                let calls = Arc::default();
                let reader = Reader { client, gate, calls, slug: door.slug.to_owned() };
                let info = reader.info(expected).await?;
                Ok((reader, info))
            };
            match tried.await {
                Ok(found) => return Ok(found),
                Err(error) => {
                    first.get_or_insert(error);
                }
            }
        }
        Err(first.unwrap_or_else(|| Fault::invalid("endpoints", "give an endpoint").into()))
    }

    /// The row as it is now.
    pub(super) async fn stored(&self, id: Uuid) -> Result<ClusterRecord> {
        let found = self.0.store.fetch_cluster_by_id(id).await?;
        Ok(found.ok_or_else(|| Fault::not_found("cluster"))?)
    }

    /// Tries what would change, then stores it.
    pub(super) async fn update(
        &self,
        person: &Principal,
        request: pb::UpdateClusterRequest,
        known: ClusterRecord,
    ) -> Result<ClusterRecord> {
        check_config_version(&request, &known)?;
        let mut new = known.clone();
        if !request.endpoints.is_empty() {
            new.endpoints = endpoints(&request.endpoints)?;
        }
        if !request.fingerprint.is_empty() {
            let trust =
                trust_of(&request.fingerprint, "").map_err(|e| Fault::invalid("fingerprint", e))?;
            if let gwm_rapi::Trust::Pinned(fingerprint) = trust {
                new.fingerprint = fingerprint.to_string();
                new.ca_pem.clear();
            }
        } else if !request.ca_pem.is_empty() {
            trust_of("", &request.ca_pem).map_err(|e| Fault::invalid("ca", e))?;
            new.ca_pem.clone_from(&request.ca_pem);
            new.fingerprint.clear();
        }
        let row = self.0.access.row(&known)?;
        let seal = |column: &str, c: &pb::Credential| {
            row.seal(column, &SecretString::from(c.password.clone()))
        };
        if let Some(read) = secret("read", request.read.as_ref())? {
            new.read_username = read.username().to_owned();
            new.read_password_sealed =
                request.read.as_ref().map(|c| seal("read_password", c)).unwrap_or_default();
        }
        let write = secret("write", request.write.as_ref())?;
        if request.remove_write {
            new.write_username.clear();
            new.write_password_sealed = None;
        } else if let Some(write) = &write {
            new.write_username = write.username().to_owned();
            new.write_password_sealed = request.write.as_ref().map(|c| seal("write_password", c));
        }
        if let Some(console) = &request.console {
            new.console_enabled = console.enabled;
        }
        if request.console.as_ref().is_some_and(|c| c.remove_vnc_password) {
            new.vnc_password_sealed = None;
        } else if let Some(password) = vnc_password(request.console.as_ref())? {
            new.vnc_password_sealed = Some(row.seal("vnc_password", &password));
        }

        new.paused = request.paused.unwrap_or(known.paused);
        new.held_read_only = request.read_only.unwrap_or(known.held_read_only);
        if let Some(seconds) = request.poll_interval_seconds {
            new.poll_interval_seconds = poll_interval(seconds)?;
        }
        if !request.owner_tags.is_empty() {
            new.owner_tags = owner_tags(&request.owner_tags)?;
        }

        let rereads = !request.endpoints.is_empty()
            || !request.fingerprint.is_empty()
            || !request.ca_pem.is_empty()
            || request.read.is_some();
        if rereads || (write.is_some() && !request.remove_write) {
            let tried = async {
                let trust = trust_of(&new.fingerprint, &new.ca_pem).map_err(Error::Stored)?;
                let door = Door {
                    endpoints: &new.endpoints,
                    trust: &trust,
                    username: &new.read_username,
                    password: &row.open("read_password", &new.read_password_sealed)?,
                    slug: &new.slug,
                };
                let (reader, _) = self.first_that_answers(&door, Some(new.ganeti_uuid)).await?;
                if let Some(write) = write.as_ref().filter(|_| !request.remove_write) {
                    check_write(&reader.client, write, &trust).await?;
                }
                Ok(())
            };
            tried.await.map_err(|e: Error| {
                let field = field_of(&e);
                refused(field, e)
            })?;
        }

        let mut tx = self.0.store.begin().await?;
        let locked = ClusterRecord::lock(&mut tx, known.cluster_id).await?;
        let locked = locked.ok_or_else(|| Fault::not_found("cluster"))?;
        if locked.config_version != known.config_version {
            return Err(changed_meanwhile().into());
        }
        new.revision = locked.revision + 1;
        new.config_version = locked.config_version + 1;
        new.reachable = locked.reachable;
        new.last_success = locked.last_success;
        new.error.clone_from(&locked.error);
        let stops = new.paused && !locked.paused;
        if stops {
            new.reachable = false;
            "an administrator has paused it; it is read again when it is resumed"
                .clone_into(&mut new.error);
            PAUSED.clone_into(&mut new.error_code);
        } else if locked.paused && !new.paused {
            "it has just been resumed".clone_into(&mut new.error);
            new.error_code.clear();
        }
        if new.paused != locked.paused {
            new.update_paused(&mut tx).await?;
        }
        new.update_settings(&mut tx).await?;
        let changed = differences(&locked.object(), &new.object(), &["revision"]);
        let event = Event::new(CLUSTER_CHANGED, "cache-updater", Utc::now(), new.object())
            .changed(changed)
            .actor(Some(actor(person)))
            .traceparent(gwm_kernel::current_traceparent());
        gwm_pg::outbox::append(&mut tx, &event.outbox_row()?).await?;
        if stops && locked.reachable {
            // From here on nobody knows what happens there, as with a cluster that does not answer.
            new.revision += 1;
            new.update_settings(&mut tx).await?;
            let event = Event::new(CLUSTER_UNREACHABLE, "cache-updater", Utc::now(), new.object())
                .actor(Some(actor(person)))
                .not_before(new.last_success)
                .traceparent(gwm_kernel::current_traceparent());
            gwm_pg::outbox::append(&mut tx, &event.outbox_row()?).await?;
        }
        let mut details = BTreeMap::new();
        details.insert("paused".to_owned(), new.paused.into());
        details.insert("read_only".to_owned(), new.held_read_only.into());
        details.insert("poll_interval_seconds".to_owned(), new.poll_interval_seconds.into());
        details.insert("owner_tags".to_owned(), new.owner_tags.clone().into());
        details.insert("read_changed".to_owned(), request.read.is_some().into());
        details.insert("write_changed".to_owned(), request.write.is_some().into());
        details.insert("write_removed".to_owned(), request.remove_write.into());
        details.insert("endpoints".to_owned(), new.endpoints.clone().into());
        let row = audit::record(person, "cluster.update", &new, details)?;
        gwm_pg::outbox::append(&mut tx, &row).await?;
        tx.commit().await?;
        self.stored(known.cluster_id).await
    }

    /// Forgets the cluster and all it holds; nothing happens to the cluster itself.
    pub(super) async fn remove(&self, person: &Principal, known: &ClusterRecord) -> Result<()> {
        let mut tx = self.0.store.begin().await?;
        let locked = ClusterRecord::lock(&mut tx, known.cluster_id).await?;
        let locked = locked.ok_or_else(|| Fault::not_found("cluster"))?;
        forget(&mut tx, &locked, actor(person)).await?;
        let row = audit::record(person, "cluster.remove", &locked, BTreeMap::new())?;
        gwm_pg::outbox::append(&mut tx, &row).await?;
        tx.commit().await?;
        tracing::info!(cluster = %locked.slug, "cluster removed from gwm");
        Ok(())
    }
}

/// Seconds between looks.
fn poll_interval(seconds: u32) -> Result<i32, Fault> {
    match i32::try_from(seconds) {
        Ok(seconds) if seconds == 0 || (5..=3600).contains(&seconds) => Ok(seconds),
        Ok(_) | Err(_) => {
            let text = "between 5 and 3600 seconds; 0 for what the service is configured to";
            Err(Fault::invalid("poll_interval_seconds", text))
        }
    }
}

/// What becomes of owner tags.
fn owner_tags(mode: &str) -> Result<String, Fault> {
    if owner_tag::MODES.contains(&mode) {
        return Ok(mode.to_owned());
    }
    Err(Fault::invalid("owner_tags", "is off, write or remove"))
}

fn changed_meanwhile() -> Fault {
    Fault::new(
        ErrorCode::FailedPrecondition,
        "config_version_mismatch",
        "the cluster's settings were changed meanwhile; load them again",
    )
}

fn check_config_version(
    request: &pb::UpdateClusterRequest,
    known: &ClusterRecord,
) -> Result<(), Fault> {
    let asked = &request.config_version;
    if asked.is_empty() || *asked == known.config_version.to_string() {
        return Ok(());
    }
    Err(changed_meanwhile())
}

/// Two administrators at once: the constraint decides.
fn duplicate(error: Error) -> Error {
    let Error::Database(inner) = &error else { return error };
    match inner.constraint() {
        Some("cluster_slug_key") => {
            exists("a cluster with this short name has just been added".to_owned()).into()
        }
        Some("cluster_ganeti_uuid_key") => {
            exists("this cluster has just been added to gwm".to_owned()).into()
        }
        Some(_) | None => error,
    }
}
