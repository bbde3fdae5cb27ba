//! The client against real Ganeti.
//!
//! `GWM_LAB_RAPI=url,user,password[,read-user,read-password]`, several clusters separated by `;`; without it the tests
//! say that they were left out. They create, start, stop, reboot and delete one diskless instance.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic like the tests themselves")]

use std::time::Duration;

use gwm_rapi::{
    Access, Cell, Class, Client, CreateInstance, Credentials, Deadline, ErrorKind, Fingerprint,
    GanetiJobId, Job, JobStatus, Limits, ProbeRequest, Reason, RebootKind, Resource,
    ShutdownOptions, StartupOptions, Submission, Trust, probe,
};
use uuid::Uuid;

struct Lab {
    address: String,
    user: Credentials,
    reader: Option<Credentials>,
}

fn labs() -> Vec<Lab> {
    let Ok(text) = std::env::var("GWM_LAB_RAPI") else {
        #[expect(clippy::print_stderr, reason = "says what was left out")]
        {
            eprintln!("left out: GWM_LAB_RAPI names no real Ganeti");
        }
        return Vec::new();
    };
    text.split([';', ' '])
        .filter(|lab| !lab.is_empty())
        .map(|lab| {
            let parts: Vec<&str> = lab.split(',').collect();
            let user = |at: usize| {
                let (name, password) = (parts.get(at)?, parts.get(at + 1)?);
                Some(Credentials::new(*name, (*password).into()).unwrap())
            };
            Lab { address: parts[0].to_owned(), user: user(1).unwrap(), reader: user(3) }
        })
        .collect()
}

impl Lab {
    async fn fingerprint(&self) -> Fingerprint {
        let outcome = probe(&ProbeRequest {
            address: self.address.clone(),
            trust: None,
            read: Some(self.user.clone()),
            write: None,
            limits: Limits::default(),
        })
        .await;
        assert_eq!(outcome.first_problem(), None);
        assert!(outcome.version.unwrap().starts_with("3."));
        assert!(
            outcome.cluster.is_none(),
            "nothing is asked with credentials before the certificate is confirmed"
        );
        outcome.certificate.unwrap().fingerprint
    }

    async fn client_as(&self, user: &Credentials) -> Client {
        let trust = Trust::Pinned(self.fingerprint().await);
        Client::new(self.address.parse().unwrap(), &trust, Some(user.clone()), Limits::default())
            .unwrap()
    }

    async fn client(&self) -> Client {
        self.client_as(&self.user).await
    }
}

fn submission(op: Uuid) -> Submission {
    Submission {
        reason: Reason::for_op(op, Uuid::from_u128(1)),
        deadline: Deadline::after(Duration::from_secs(8)),
    }
}

/// Follows a job to its end.
async fn ended(client: &Client, id: GanetiJobId) -> Job {
    let mut ticks = tokio::time::interval(Duration::from_millis(300));
    for _ in 0..600 {
        ticks.tick().await;
        let jobs = client.query_jobs(&[id]).await.unwrap();
        if let Some(job) =
            jobs.into_iter().find(|job| job.status.as_ref().is_some_and(JobStatus::is_final))
        {
            return job;
        }
    }
    panic!("Ganeti job {id} didn't end");
}

#[tokio::test]
async fn probe_tells_what_each_user_may_do_and_makes_no_job() {
    for lab in labs() {
        let client = lab.client().await;
        let before = client.last_job_id().await.unwrap();
        let outcome = probe(&ProbeRequest {
            address: lab.address.clone(),
            trust: Some(Trust::Pinned(lab.fingerprint().await)),
            read: lab.reader.clone().or_else(|| Some(lab.user.clone())),
            write: Some(lab.user.clone()),
            limits: Limits::default(),
        })
        .await;
        assert_eq!(outcome.first_problem(), None);
        let expected = if lab.reader.is_some() { Access::Read } else { Access::Write };
        assert_eq!(outcome.read.unwrap().access, Some(expected));
        assert_eq!(outcome.write.unwrap().access, Some(Access::Write));
        assert!(!outcome.cluster.unwrap().name.is_empty());
        if let Some(reader) = &lab.reader {
            assert!(!lab.client_as(reader).await.may_write().await.unwrap());
        }
        let wrong = Credentials::new(lab.user.username(), "wrong".into()).unwrap();
        let error = lab.client_as(&wrong).await.access().await.unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Unauthorized);
        // Other tests make jobs meanwhile, but none with this reason.
        let later = client.jobs().await.unwrap().into_iter().filter(|job| Some(job.id) > before);
        let reasons = later.flat_map(|job| job.ops).flat_map(|op| op.reason);
        assert_eq!(reasons.filter(|entry| entry.1 == "gwm:access-test").count(), 0);
    }
}

#[tokio::test]
async fn everything_that_is_read_decodes() {
    for lab in labs() {
        let client = lab.client().await;
        assert_eq!(client.version().await.unwrap(), 2);
        assert!(client.features().await.unwrap().has("instance-create-reqv1"));
        let info = client.info().await.unwrap();
        let nodes = client.nodes().await.unwrap();
        assert!(nodes.iter().any(|node| Some(&node.name) == info.master.as_ref()));
        assert_eq!(client.node(&nodes[0].name).await.unwrap().uuid, nodes[0].uuid);
        assert!(!client.groups().await.unwrap().is_empty());
        client.networks().await.unwrap();
        assert!(!client.oses().await.unwrap().is_empty());
        assert!(!client.jobs().await.unwrap().is_empty());
        let bulk = client.instances_bulk_raw().await.unwrap();
        let rows: Vec<(Cell<String>, Cell<String>)> =
            client.query(Resource::Instance, &["uuid", "hypervisor"], None).await.unwrap();
        assert_eq!(bulk.objects().unwrap().len(), rows.len());
        assert!(client.instance("no-such-instance").await.unwrap_err().is_not_found());
        assert!(client.instance("../nodes").await.unwrap_err().is_not_found());
        assert_eq!(client.job(GanetiJobId(99_999_999)).await.unwrap(), None);
    }
}

#[tokio::test]
async fn an_instance_lives_and_each_of_its_jobs_is_found_by_its_op() {
    for lab in labs() {
        let client = lab.client().await;
        let name = format!("rapi{}.lab.test", std::process::id());
        let node = client.info().await.unwrap().master.unwrap();
        let mut create = CreateInstance::new(name.as_str(), "diskless");
        create.os_type = client.oses().await.unwrap().into_iter().next();
        create.pnode = Some(node);
        create.hypervisor = Some("fake".to_owned());
        create.conflicts_check = false;
        let before = client.last_job_id().await.unwrap().unwrap_or_default();
        let mut seen = before;
        let own = async |step: u128,
                         sent: Result<GanetiJobId, gwm_rapi::Error>,
                         seen: &mut GanetiJobId| {
            let id = sent.unwrap();
            let job = ended(&client, id).await;
            assert_eq!(job.status, Some(JobStatus::Success), "{:?}", job.error());
            assert_eq!(job.op(), Some(op(step)));
            let found = client.find_jobs_by_op(op(step), *seen).await.unwrap();
            assert_eq!(found, [(id, JobStatus::Success)]);
            assert!(
                client.find_jobs_by_op(op(step), id).await.unwrap().is_empty(),
                "only above the number"
            );
            *seen = id;
        };
        own(1, client.create_instance(&submission(op(1)), &create).await, &mut seen).await;
        assert_eq!(client.instance(&name).await.unwrap().status.as_deref(), Some("running"));
        assert!(client.console(&name).await.is_ok());
        let options = ShutdownOptions { timeout_seconds: Some(5), ..ShutdownOptions::default() };
        own(2, client.shutdown_instance(&submission(op(2)), &name, options).await, &mut seen).await;
        assert_eq!(client.instance(&name).await.unwrap().status.as_deref(), Some("ADMIN_down"));
        let options = StartupOptions::default();
        own(3, client.startup_instance(&submission(op(3)), &name, options).await, &mut seen).await;
        own(
            4,
            client.reboot_instance(&submission(op(4)), &name, RebootKind::Hard).await,
            &mut seen,
        )
        .await;

        let again = client.create_instance(&submission(op(5)), &create).await.unwrap();
        let (_, error) = ended(&client, again).await.error().unwrap();
        assert_eq!(error.ecode.as_deref(), Some("already_exists"));
        own(6, client.delete_instance(&submission(op(6)), &name).await, &mut again.clone()).await;
        assert!(client.instance(&name).await.unwrap_err().is_not_found());
        assert!(!client.cancel_job(again).await.unwrap().canceled);
    }
}

#[tokio::test]
async fn a_refusal_is_ganetis_own() {
    for lab in labs() {
        let client = lab.client().await;
        let mut wrong = CreateInstance::new("x", "no-such-template");
        wrong.pnode = Some("nowhere".to_owned());
        let error = client.create_instance(&submission(op(9)), &wrong).await.unwrap_err();
        assert_eq!((error.code(), error.class()), ("rapi_bad_request", Class::Final), "{error}");
    }
}

/// One op a step and process.
fn op(step: u128) -> Uuid {
    Uuid::from_u128((u128::from(std::process::id()) << 64) | step)
}
