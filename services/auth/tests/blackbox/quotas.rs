use std::collections::HashMap;

use gwm_kernel::Fault;
use gwm_kernel::grpc::Peer;
use gwm_proto::auth::groups_client::GroupsClient;
use gwm_proto::auth::ownership_client::OwnershipClient;
use gwm_proto::auth::quotas_client::QuotasClient;
use gwm_proto::auth::{
    CreateGroupRequest, ListQuotasRequest, ListReservationsRequest, Quota, QuotaChoice,
    ReleaseRequest, ReleasedJob, ReserveRequest, SetMemberRequest, SetQuotaRequest, SettleRequest,
    Sizes,
};
use gwm_proto::common::ObjectRef;
use tokio::task::JoinSet;
use tonic::{Code, Status};

use crate::world::{
    Person, World, admin, cluster_of, grant, instance, person, reason, user, user_person,
};

pub(crate) fn id() -> String {
    uuid::Uuid::now_v7().to_string()
}

pub(crate) fn sizes(memory_mib: u64, vcpus: u64, disk_mib: u64) -> Sizes {
    Sizes { memory_mib, vcpus, disk_mib, admin_up: true, revision: 1 }
}

/// A new instance of this persona: a user, and a group or nothing.
pub(crate) fn create((user, group): (&str, &str), cluster: &str, target: Sizes) -> ReserveRequest {
    ReserveRequest {
        job_id: id(),
        attempt: id(),
        user_id: user.to_owned(),
        acting_as_id: group.to_owned(),
        cluster_id: cluster.to_owned(),
        cluster: "fra1".to_owned(),
        instance_name: "new1".to_owned(),
        target: Some(target),
        ..ReserveRequest::default()
    }
}

pub(crate) async fn reserve(jobs: &Peer, request: &ReserveRequest) -> Result<(), Status> {
    OwnershipClient::new(jobs.clone()).reserve(request.clone()).await.map(|_| ())
}

pub(crate) async fn release(jobs: &Peer, job: &str, attempt: &str) {
    let released = ReleasedJob {
        job_id: job.to_owned(),
        attempt: attempt.to_owned(),
        ..ReleasedJob::default()
    };
    let request = ReleaseRequest { jobs: vec![released] };
    OwnershipClient::new(jobs.clone()).release(request).await.unwrap();
}

/// The job has made its instance; yields the instance.
pub(crate) async fn settle(jobs: &Peer, request: &ReserveRequest) -> ObjectRef {
    let made = ObjectRef {
        kind: "instance".to_owned(),
        cluster_id: request.cluster_id.clone(),
        uuid: id(),
    };
    let settle = SettleRequest {
        job_id: request.job_id.clone(),
        outcome: "created".to_owned(),
        instance: Some(made.clone()),
        user_id: request.user_id.clone(),
        instance_name: request.instance_name.clone(),
        acting_as_id: request.acting_as_id.clone(),
        sizes: request.target,
    };
    OwnershipClient::new(jobs.clone()).settle(settle).await.unwrap();
    made
}

fn value(resource: &str, value: u64) -> QuotaChoice {
    QuotaChoice { resource: resource.to_owned(), choice: "value".to_owned(), value }
}

fn word(resource: &str, word: &str) -> QuotaChoice {
    QuotaChoice { resource: resource.to_owned(), choice: word.to_owned(), value: 0 }
}

async fn set(
    gateway: &Peer,
    who: &Person,
    persona: &str,
    cluster: &str,
    choices: &[QuotaChoice],
) -> Result<Quota, Status> {
    let request = SetQuotaRequest {
        persona: persona.to_owned(),
        cluster_id: cluster.to_owned(),
        choices: choices.to_vec(),
        ..SetQuotaRequest::default()
    };
    Ok(QuotasClient::new(gateway.clone()).set_quota(who.ask(request)).await?.into_inner())
}

async fn list(
    gateway: &Peer,
    who: &Person,
    persona: &str,
    cluster: &str,
) -> Result<Vec<Quota>, Status> {
    let request = ListQuotasRequest {
        persona: persona.to_owned(),
        cluster_id: cluster.to_owned(),
        only_place: true,
        ..ListQuotasRequest::default()
    };
    let mut client = QuotasClient::new(gateway.clone());
    Ok(client.list_quotas(who.ask(request)).await?.into_inner().quotas)
}

/// Memory, vCPUs, disk, instances, open jobs that are used.
pub(crate) async fn used(gateway: &Peer, who: &Person, persona: &str, cluster: &str) -> Vec<u64> {
    let found = list(gateway, who, persona, cluster).await.unwrap();
    found.first().map_or(vec![0; 5], |quota| quota.limits.iter().map(|l| l.used).collect())
}

pub(crate) async fn group(gateway: &Peer, admin: &Person, name: &str, member: &str) -> String {
    let mut groups = GroupsClient::new(gateway.clone());
    let request = CreateGroupRequest { name: name.to_owned(), ..CreateGroupRequest::default() };
    let made = groups.create_group(admin.ask(request)).await.unwrap().into_inner();
    let request = SetMemberRequest {
        group: name.to_owned(),
        username: member.to_owned(),
        ..SetMemberRequest::default()
    };
    groups.set_member(admin.ask(request)).await.unwrap();
    made.group_id
}

#[tokio::test]
async fn what_is_more_than_a_persona_may_use_is_refused_and_named() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    let jobs = world.peer(&replica, "job-runner").await;
    let admin = admin(&gateway).await;
    let ann = user(&gateway, &admin, "ann").await.user_id;
    let bob = user(&gateway, &admin, "bob").await.user_id;
    let shop = group(&gateway, &admin, "shop", "ann").await;
    let cluster = instance().cluster_id;
    let everybody = [value("memory_mib", 4096), value("instances", 2), value("most_vcpus", 4)];
    set(&gateway, &admin, "", &cluster, &everybody).await.unwrap();

    let ann_makes = |memory, vcpus| create((&ann, ""), &cluster, sizes(memory, vcpus, 100));
    let first = ann_makes(3072, 1);
    reserve(&jobs, &first).await.unwrap();
    reserve(&jobs, &first).await.unwrap();
    let refused = reserve(&jobs, &ann_makes(2048, 8)).await.unwrap_err();
    assert_eq!((refused.code(), &*reason(&refused)), (Code::ResourceExhausted, "quota_exceeded"));
    let fault = Fault::from_status(&refused);
    assert_eq!(
        fault.message,
        "this is more than user/ann may use: vCPUs 8, and one instance on fra1 may have 4; memory on \
         fra1: 2048 MiB asked for, 3072 MiB of 4096 MiB in use, 1024 MiB missing"
    );
    let details: serde_json::Value = serde_json::from_str(&fault.details.unwrap()).unwrap();
    let wanted = serde_json::json!({"resource": "memory_mib", "place": "cluster", "limit": 4096,
        "used": 3072, "asked": 2048, "missing": 1024});
    assert_eq!(details[1], wanted);

    // What a group uses is the group's.
    let shops = create((&ann, &shop), &cluster, sizes(4096, 1, 100));
    reserve(&jobs, &shops).await.unwrap();
    assert_eq!(used(&gateway, &admin, "user/ann", &cluster).await, [3072, 1, 100, 1, 1]);
    assert_eq!(used(&gateway, &admin, "group/shop", &cluster).await, [4096, 1, 100, 1, 1]);

    // An override replaces field by field; what is lowered stops nothing, and unlimited is said.
    let own = [value("memory_mib", 1024), word("instances", "unlimited")];
    let quota = set(&gateway, &admin, "user/ann", &cluster, &own).await.unwrap();
    let limit = |n: usize| (quota.limits[n].limit, quota.limits[n].source.as_str());
    assert_eq!(limit(0), (Some(1024), "override"));
    assert_eq!(limit(1), (None, "none"));
    assert_eq!(limit(3), (None, "override"));
    reserve(&jobs, &ann_makes(0, 1)).await.unwrap();
    let back = [word("memory_mib", "inherit"), word("instances", "inherit")];
    let quota = set(&gateway, &admin, "user/ann", &cluster, &back).await.unwrap();
    assert_eq!((quota.limits[0].limit, &*quota.limits[0].source), (Some(4096), "default"));
    let refused = reserve(&jobs, &ann_makes(1, 1)).await.unwrap_err();
    assert!(refused.message().contains("instances on fra1"), "{}", refused.message());

    // A failed job gives it back; who made up the id of another try does not.
    release(&jobs, &first.job_id, &id()).await;
    assert_eq!(used(&gateway, &admin, "user/ann", &cluster).await[0], 3072);
    release(&jobs, &first.job_id, &first.attempt).await;
    assert_eq!(used(&gateway, &admin, "user/ann", &cluster).await[0], 0);

    // Settled, it is in the ledger, and the reservation is gone.
    let made = settle(&jobs, &shops).await;
    assert_eq!(used(&gateway, &admin, "group/shop", &cluster).await, [4096, 1, 100, 1, 0]);

    // A start of what is stopped grows; memory of it does not count until then.
    let stopped = ReleasedJob {
        job_id: id(),
        cluster_id: cluster.clone(),
        instance_uuid: made.uuid.clone(),
        now: Some(Sizes { admin_up: false, revision: 2, ..sizes(4096, 1, 100) }),
        ..ReleasedJob::default()
    };
    let mut client = OwnershipClient::new(jobs.clone());
    client.release(ReleaseRequest { jobs: vec![stopped.clone()] }).await.unwrap();
    assert_eq!(used(&gateway, &admin, "group/shop", &cluster).await, [0, 0, 100, 1, 0]);
    set(&gateway, &admin, "group/shop", &cluster, &[value("memory_mib", 4095)]).await.unwrap();
    let start = ReserveRequest {
        instance_uuid: made.uuid.clone(),
        ..create((&admin.user_id(), &shop), &cluster, sizes(4096, 1, 100))
    };
    let refused = reserve(&jobs, &start).await.unwrap_err();
    assert!(refused.message().contains("1 MiB missing"), "{}", refused.message());
    let operators =
        ReserveRequest { never_refused: true, user_id: bob, acting_as_id: String::new(), ..start };
    reserve(&jobs, &operators).await.unwrap();
    assert_eq!(used(&gateway, &admin, "group/shop", &cluster).await, [4096, 1, 100, 1, 0]);
    assert_eq!(used(&gateway, &admin, "user/bob", &cluster).await, [0, 0, 0, 0, 1]);
    // An older look changes nothing, and no look touches what is reserved.
    let older = ReleasedJob {
        now: Some(Sizes { admin_up: false, revision: 1, ..sizes(9, 9, 9) }),
        ..stopped
    };
    client.release(ReleaseRequest { jobs: vec![older] }).await.unwrap();
    assert_eq!(used(&gateway, &admin, "group/shop", &cluster).await, [4096, 1, 100, 1, 0]);

    // Administrators as themselves set all limits, so none is theirs; as a group they are in it.
    set(&gateway, &admin, "", "", &[value("instances", 0)]).await.unwrap();
    let mine = create((&admin.user_id(), ""), &cluster, sizes(1, 1, 1));
    reserve(&jobs, &mine).await.unwrap();
    let refused = reserve(&jobs, &ann_makes(1, 1)).await.unwrap_err();
    assert!(refused.message().contains("instances on all clusters"), "{}", refused.message());
    let as_shop = create((&admin.user_id(), &shop), &cluster, sizes(0, 0, 0));
    assert_eq!(reason(&reserve(&jobs, &as_shop).await.unwrap_err()), "quota_exceeded");

    let all = client.list_reservations(ListReservationsRequest::default()).await.unwrap();
    let named: Vec<String> = all.into_inner().reservations.into_iter().map(|r| r.job_id).collect();
    assert!(named.contains(&mine.job_id) && named.contains(&operators.job_id), "{named:?}");
}

#[tokio::test]
async fn a_cap_on_open_jobs_counts_those_that_make_nothing_grow() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    let jobs = world.peer(&replica, "job-runner").await;
    let admin = admin(&gateway).await;
    let ann = user(&gateway, &admin, "ann").await.user_id;
    set(&gateway, &admin, "user/ann", "", &[value("open_jobs", 2)]).await.unwrap();
    let shutdown = || ReserveRequest {
        target: None,
        instance_uuid: id(),
        ..create((&ann, ""), &id(), Sizes::default())
    };
    let first = shutdown();
    reserve(&jobs, &first).await.unwrap();
    reserve(&jobs, &shutdown()).await.unwrap();
    let refused = reserve(&jobs, &shutdown()).await.unwrap_err();
    assert!(refused.message().contains("open jobs on all clusters"), "{}", refused.message());
    release(&jobs, &first.job_id, "").await;
    reserve(&jobs, &shutdown()).await.unwrap();
}

#[tokio::test]
async fn limits_are_set_by_who_administers_the_place_and_seen_by_whom_they_concern() {
    let world = World::new().await;
    let replica = world.replica("a").await;
    let gateway = world.gateway(&replica).await;
    let admin = admin(&gateway).await;
    let ann = user_person(&gateway, &admin, "ann").await;
    user(&gateway, &admin, "bob").await;
    group(&gateway, &admin, "shop", "ann").await;
    let here = cluster_of(&instance());
    let cluster = here.cluster_id.clone();
    let five = [value("memory_mib", 5)];
    for (persona, place) in [("", &*cluster), ("user/ann", &*cluster), ("user/ann", "")] {
        let refused = set(&gateway, &ann, persona, place, &five).await.unwrap_err();
        assert!(matches!(refused.code(), Code::NotFound | Code::PermissionDenied), "{refused}");
    }
    set(&gateway, &admin, "user/bob", &cluster, &five).await.unwrap();
    set(&gateway, &admin, "group/shop", &cluster, &five).await.unwrap();
    assert_eq!(
        list(&gateway, &ann, "user/bob", &cluster).await.unwrap_err().code(),
        Code::NotFound
    );
    let mine: Vec<String> = list(&gateway, &ann, "me", &cluster)
        .await
        .unwrap()
        .into_iter()
        .map(|q| q.persona)
        .collect();
    assert_eq!(mine, ["group/shop"]);

    grant(&gateway, &admin, "ann", "admin", &here).await.unwrap();
    let ann = gwm_testkit::wait_for("the right to arrive", crate::world::PATIENCE, async || {
        let again = person(&gateway, "ann", &crate::world::password_of("ann")).await;
        set(&gateway, &again, "user/bob", &cluster, &[value("memory_mib", 7)]).await.map(|_| again)
    })
    .await;
    let refused = set(&gateway, &ann, "user/bob", "", &five).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let listed: Vec<String> =
        list(&gateway, &ann, "", &cluster).await.unwrap().into_iter().map(|q| q.persona).collect();
    assert_eq!(listed, ["group/shop", "user/bob"]);

    for (choices, field) in [
        (vec![word("memory_mib", "inherit")], "choices"),
        (vec![word("memory_mib", "")], "choices"),
        (vec![value("colour", 1)], "choices"),
        (vec![value("vcpus", u64::MAX)], "choices"),
        (vec![value("vcpus", 1), value("vcpus", 2)], "choices"),
    ] {
        let refused = set(&gateway, &admin, "", &cluster, &choices).await.unwrap_err();
        assert_eq!(Fault::from_status(&refused).field.as_deref(), Some(field), "{choices:?}");
    }
    let refused = set(&gateway, &admin, "user/bob", &cluster, &[value("most_vcpus", 1)]).await;
    assert_eq!(refused.unwrap_err().code(), Code::InvalidArgument);
    let request = SetQuotaRequest {
        persona: "user/bob".to_owned(),
        cluster_id: cluster.clone(),
        choices: vec![value("vcpus", 3)],
        revision: 1,
        ..SetQuotaRequest::default()
    };
    let overtaken = QuotasClient::new(gateway.clone()).set_quota(admin.ask(request)).await;
    assert_eq!(reason(&overtaken.unwrap_err()), "quota_changed");
}

/// Numbers that look random; the seed is said when the test fails.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    fn pick(&mut self, of: usize) -> usize {
        usize::try_from(self.roll(of as u64)).unwrap()
    }
}

/// The naive model: what each persona has in each cluster, as a list.
#[derive(Default)]
struct Model {
    held: Vec<(usize, usize, Sizes)>,
}

const PERSONAS: usize = 3;
const CLUSTERS: usize = 2;
const IN_CLUSTER: [u64; 4] = [40, 12, 300, 9];
const IN_FLEET: [u64; 4] = [60, 20, 400, 14];

impl Model {
    fn used(&self, persona: usize, cluster: Option<usize>) -> [u64; 4] {
        let mut sum = [0; 4];
        for (whose, place, sizes) in &self.held {
            if *whose == persona && cluster.is_none_or(|c| c == *place) {
                sum[0] += sizes.memory_mib;
                sum[1] += sizes.vcpus;
                sum[2] += sizes.disk_mib;
                sum[3] += 1;
            }
        }
        sum
    }

    fn fits(&self, persona: usize, cluster: usize, sizes: &Sizes) -> bool {
        let asked = [sizes.memory_mib, sizes.vcpus, sizes.disk_mib, 1];
        let within = |used: [u64; 4], limit: [u64; 4]| {
            (0..4).all(|n| asked[n] == 0 || used[n] + asked[n] <= limit[n])
        };
        within(self.used(persona, Some(cluster)), IN_CLUSTER)
            && within(self.used(persona, None), IN_FLEET)
    }
}

/// Rounds of jobs that are accepted, fail and end at two replicas at once. After each round all is as the naive model
/// says; nothing was accepted that doesn't fit, and nothing refused that would have.
#[tokio::test]
async fn quotas_hold_however_many_ask_at_once() {
    let seed = u64::from(std::process::id()) * 2_654_435_761 + 1;
    let mut dice = Dice(seed);
    let world = World::new().await;
    let replicas = [world.replica("a").await, world.replica("b").await];
    let gateway = world.gateway(&replicas[0]).await;
    let jobs = [
        world.peer(&replicas[0], "job-runner").await,
        world.peer(&replicas[1], "job-runner").await,
    ];
    let admin = admin(&gateway).await;
    let ann = user(&gateway, &admin, "ann").await.user_id;
    let bob = user(&gateway, &admin, "bob").await.user_id;
    let shop = group(&gateway, &admin, "shop", "ann").await;
    let personas = [(ann.clone(), String::new()), (bob, String::new()), (ann, shop)];
    let names = ["user/ann", "user/bob", "group/shop"];
    let clusters: Vec<String> = (0..CLUSTERS).map(|_| id()).collect();
    let limits = |all: [u64; 4]| {
        let words = ["memory_mib", "vcpus", "disk_mib", "instances"];
        words.into_iter().zip(all).map(|(w, v)| value(w, v)).collect::<Vec<_>>()
    };
    for cluster in &clusters {
        set(&gateway, &admin, "", cluster, &limits(IN_CLUSTER)).await.unwrap();
    }
    set(&gateway, &admin, "", "", &limits(IN_FLEET)).await.unwrap();

    let mut model = Model::default();
    let mut open: HashMap<String, (usize, usize, ReserveRequest)> = HashMap::new();
    let (mut accepted, mut refused) = (0, 0);
    for round in 0..12 {
        // Some of what is open ends: half of it made its instance, half gives back. Meanwhile others ask.
        let mut work: JoinSet<(usize, usize, ReserveRequest, Option<bool>)> = JoinSet::new();
        let before = model.held.len();
        let ended: Vec<String> = open.keys().filter(|_| dice.roll(2) == 0).cloned().collect();
        for job in ended {
            let (persona, cluster, request) = open.remove(&job).unwrap();
            let peer = jobs[dice.pick(2)].clone();
            if dice.roll(2) == 0 {
                let target = request.target.unwrap();
                let at = model
                    .held
                    .iter()
                    .position(|(p, c, s)| (*p, *c, *s) == (persona, cluster, target));
                model.held.remove(at.unwrap());
                work.spawn(async move {
                    release(&peer, &request.job_id, "").await;
                    (persona, cluster, request, None)
                });
            } else {
                work.spawn(async move {
                    settle(&peer, &request).await;
                    (persona, cluster, request, None)
                });
            }
        }
        // In every other round what ended has ended before others ask, so that refusals can be judged.
        let judged = round % 2 == 0;
        if judged {
            while let Some(done) = work.join_next().await {
                done.unwrap();
            }
        }
        for _ in 0..24 {
            let (persona, cluster) = (dice.pick(3), dice.pick(2));
            let target = sizes(dice.roll(12), dice.roll(4), dice.roll(80));
            let (user, group) = &personas[persona];
            let request = create((user, group), &clusters[cluster], target);
            let peer = jobs[dice.pick(2)].clone();
            work.spawn(async move {
                let answer = reserve(&peer, &request).await;
                if let Err(status) = &answer {
                    assert_eq!(reason(status), "quota_exceeded", "{status}");
                }
                (persona, cluster, request, Some(answer.is_ok()))
            });
        }
        let mut turned_away = Vec::new();
        while let Some(done) = work.join_next().await {
            let (persona, cluster, request, answer) = done.unwrap();
            match answer {
                None => {}
                Some(true) => {
                    accepted += 1;
                    model.held.push((persona, cluster, request.target.unwrap()));
                    open.insert(request.job_id.clone(), (persona, cluster, request));
                }
                Some(false) => turned_away.push((persona, cluster, request.target.unwrap())),
            }
        }
        refused += turned_away.len();
        for (persona, name) in names.iter().enumerate() {
            for (number, cluster) in clusters.iter().enumerate() {
                let used = used(&gateway, &admin, name, cluster).await;
                let wanted = model.used(persona, Some(number));
                assert_eq!(used[..4], wanted, "seed {seed} round {round}: {name} (held {before})");
                assert!((0..4).all(|n| wanted[n] <= IN_CLUSTER[n]), "seed {seed}: {wanted:?}");
            }
            let wanted = model.used(persona, None);
            assert!(
                (0..4).all(|n| wanted[n] <= IN_FLEET[n]),
                "seed {seed} round {round}: {wanted:?}"
            );
        }
        for (persona, cluster, target) in turned_away.into_iter().filter(|_| judged) {
            let fits = model.fits(persona, cluster, &target);
            assert!(!fits, "seed {seed} round {round}: {target:?} fits, and was refused");
        }
    }
    assert!(accepted > PERSONAS && refused > PERSONAS, "{accepted} accepted, {refused} refused");
}
