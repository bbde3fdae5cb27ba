//! Accepting a request.

use gwm_authz::{Mode, Principal};
use gwm_kernel::{ErrorCode, Fault, current_request_id, current_traceparent};
use gwm_pg::idempotency::{self, Begin};
use gwm_proto::jobs::{Job as WireJob, SubmitJobRequest};
use gwm_types::{JobId, Object, ObjectName};
use prost::Message;
use sha2::{Digest, Sha256};
use tonic::Request;

use super::{JobsServer, convert};
use crate::clients::{ClusterState, Target};
use crate::domain::{Kind, Parameters};
use crate::error::Error;
use crate::seen::Seen;
use crate::store::{Tx, commit, job, reservation};

const RPC: &str = "gwm.jobs.v1.Jobs/SubmitJob";
const LONGEST_KEY: usize = 64;
const LONGEST_NAME: usize = 253;

/// A request that is well formed.
pub(super) struct Asked {
    /// Of the job that it becomes.
    job_id: JobId,
    pub(super) kind: Kind,
    pub(super) cluster: String,
    pub(super) instance: String,
    pub(super) parameters: Parameters,
    key: Option<String>,
    /// Of all but id and key.
    hash: Vec<u8>,
}

impl JobsServer {
    /// Decode, authorise, one transaction, encode.
    pub(super) async fn submit(
        &self,
        request: Request<SubmitJobRequest>,
    ) -> Result<WireJob, Fault> {
        let person = self.authz.principal(&request, Mode::Write)?;
        let asked = decode(&person, request.into_inner())?;
        // Before anything is looked up: what was asked for may be gone since by this very job.
        if let Some(answer) = self.again(&person, &asked).await? {
            return Ok(answer);
        }
        let (cluster, target) = self.resolve(&person, &asked).await?;
        self.accept(&person, &asked, &cluster, target.as_ref()).await
    }

    /// The transaction in which a request becomes a job.
    pub(super) async fn accept(
        &self,
        person: &Principal,
        asked: &Asked,
        cluster: &ClusterState,
        target: Option<&Target>,
    ) -> Result<WireJob, Fault> {
        if cluster.read_only {
            return Err(Error::ReadOnly(cluster.slug.clone()).into());
        }
        let job_id = self.job_id(asked).await?;
        let attempt = self.reserve(person, asked, job_id, cluster, target).await?;
        let mut tx = self.store.begin().await.map_err(Error::from)?;
        if let Some(answer) = begin(&mut tx, person, asked).await? {
            return Ok(answer);
        }
        if reservation::end(&mut tx, &[(job_id, attempt)]).await.map_err(Error::from)? == 0 {
            // Another try at the same request came between.
            drop(tx.rollback().await);
            let answer = self.again(person, asked).await?;
            return answer.ok_or_else(|| Error::InProgress.into());
        }
        let new = job::NewJob {
            job_id,
            request_hash: &asked.hash,
            cluster_id: cluster.cluster_id,
            cluster_slug: &cluster.slug,
            kind: asked.kind,
            instance_uuid: target.map(|target| target.uuid),
            object_name: target.map_or(&asked.instance, |target| &target.name),
            parameters: &asked.parameters,
            person,
            request_id: current_request_id(),
            traceparent: current_traceparent(),
        };
        let job = job::insert(&mut tx, &new).await.map_err(Error::from)?;
        let Some(job) = job else {
            // Made between our look and now.
            drop(tx.rollback().await);
            let answer = self.again(person, asked).await?;
            return answer.ok_or_else(|| Fault::internal("a job is there and is not"));
        };
        let answer = convert::job(&job, &Seen::of(&self.authz, person));
        if let Some(key) = &asked.key {
            let user = person.user_id.to_string();
            idempotency::complete(&mut tx, &user, RPC, key, &answer.encode_to_vec())
                .await
                .map_err(Error::from)?;
        }
        commit(tx).await.map_err(Error::from)?;
        tracing::info!(job_id = %job.job_id, kind = %job.kind, cluster = job.cluster_slug,
            instance = job.object_name, "job accepted");
        Ok(answer)
    }

    /// The id of the job to be made. The caller makes the id of what has a key, which is good for a day, out of the
    /// key: there may be one of the same request in the same words on another day.
    async fn job_id(&self, asked: &Asked) -> Result<JobId, Fault> {
        if asked.key.is_none() {
            return Ok(asked.job_id);
        }
        let mut connection = self.store.connection().await.map_err(Error::from)?;
        let found = job::fetch(&mut connection, asked.job_id).await.map_err(Error::from)?;
        Ok(if found.is_some() { JobId::generate() } else { asked.job_id })
    }

    /// What the person means, if they may do that to it.
    async fn resolve(
        &self,
        person: &Principal,
        asked: &Asked,
    ) -> Result<(ClusterState, Option<Target>), Fault> {
        let cluster = self.cache.cluster(&person.signed, &asked.cluster).await?;
        if asked.kind == Kind::Create {
            self.require_create(person, &cluster, asked)?;
            return Ok((cluster, None));
        }
        let target = self.cache.instance(&person.signed, &cluster, &asked.instance).await?;
        let object = Object::Instance(cluster.cluster_id, target.uuid);
        self.authz.require(person, asked.kind.needs(), object)?;
        Ok((cluster, Some(target)))
    }

    /// Goes on only if the persona may create there, and with such parameters.
    pub(super) fn require_create(
        &self,
        person: &Principal,
        cluster: &ClusterState,
        asked: &Asked,
    ) -> Result<(), Fault> {
        self.authz.require_creates(person, cluster.cluster_id)?;
        let Parameters::Create(create) = &asked.parameters else { return Ok(()) };
        let held = self.authz.held(person, Object::Cluster(cluster.cluster_id));
        let Some((field, needs)) = create.beyond(held) else { return Ok(()) };
        let text = format!("{field} takes the permission \"{needs}\" on the cluster");
        let mut fault = Fault::new(ErrorCode::PermissionDenied, "permission_denied", text);
        fault.field = Some(format!("parameters.{field}"));
        Err(fault)
    }

    /// The answer to a request that came before: by its key, or by the id that it brought along.
    pub(super) async fn again(
        &self,
        person: &Principal,
        asked: &Asked,
    ) -> Result<Option<WireJob>, Fault> {
        if asked.key.is_some() {
            let mut tx = self.store.begin().await.map_err(Error::from)?;
            let answer = begin(&mut tx, person, asked).await;
            // Only a look: the key is taken in the transaction of the effect.
            drop(tx.rollback().await);
            return answer;
        }
        let mut connection = self.store.connection().await.map_err(Error::from)?;
        let found = job::fetch(&mut connection, asked.job_id).await.map_err(Error::from)?;
        let Some(found) = found else { return Ok(None) };
        let same = job::is_same(&mut connection, &found, person.user_id, &asked.hash).await;
        if same.map_err(Error::from)? {
            return Ok(Some(convert::job(&found, &Seen::of(&self.authz, person))));
        }
        Err(Error::IdTaken.into())
    }
}

/// Takes the key; answers what was answered before.
async fn begin(tx: &mut Tx, person: &Principal, asked: &Asked) -> Result<Option<WireJob>, Fault> {
    let Some(key) = &asked.key else { return Ok(None) };
    let user = person.user_id.to_string();
    let known = idempotency::begin(tx, &user, RPC, key, &asked.hash).await.map_err(Error::from)?;
    match known {
        Begin::Fresh => Ok(None),
        Begin::Replay(bytes) => {
            Ok(Some(WireJob::decode(bytes.as_slice()).map_err(Fault::internal)?))
        }
        Begin::Reused => Err(Error::KeyReused.into()),
        Begin::InProgress => Err(Error::InProgress.into()),
    }
}

/// Of a request without id and key, and of whom the person acts as.
pub(super) fn hash(person: &Principal, request: &SubmitJobRequest) -> Vec<u8> {
    // The map of parameters is ordered, so equal requests have equal bytes.
    let mut hash = Sha256::new_with_prefix(request.encode_to_vec());
    if let Some(group) = &person.acting_as {
        hash.update(group.group_id);
    }
    hash.finalize().to_vec()
}

pub(super) fn decode(person: &Principal, mut request: SubmitJobRequest) -> Result<Asked, Fault> {
    let key = std::mem::take(&mut request.idempotency_key);
    let printable = |key: &str| key.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    if key.len() > LONGEST_KEY || !printable(&key) {
        let rule = "an idempotency key has at most 64 printable ASCII characters";
        return Err(Fault::invalid("idempotency_key", rule));
    }
    let job_id = match std::mem::take(&mut request.job_id).as_str() {
        "" => JobId::generate(),
        given => given.parse().map_err(|_| Fault::invalid("job_id", "a job's id is a UUID"))?,
    };
    let hash = hash(person, &request);
    let kind: Kind = request.kind.parse().map_err(|text: String| Fault::invalid("kind", text))?;
    if request.cluster.is_empty() || request.cluster.len() > LONGEST_KEY {
        return Err(Fault::invalid("cluster", "name the cluster by its short name or id"));
    }
    if request.instance.is_empty() || request.instance.len() > LONGEST_NAME {
        return Err(Fault::invalid("instance", "name the instance"));
    }
    if kind == Kind::Create
        && let Err(error) = request.instance.parse::<ObjectName>()
    {
        return Err(Fault::invalid("instance", error.to_string()));
    }
    let given = convert::parameters(request.parameters)
        .ok_or_else(|| Fault::invalid("parameters", "they nest too deep"))?;
    let parameters = Parameters::read(kind, given).map_err(Error::from)?;
    Ok(Asked {
        job_id,
        kind,
        cluster: request.cluster,
        instance: request.instance,
        parameters,
        key: (!key.is_empty()).then_some(key),
        hash,
    })
}
