//! The same questions answered by engines that one could have taken instead: Cedar with policies over attributes, casbin
//! with a line a grant. Few of the questions, because of their time; each answer is compared with ours.

use std::collections::{HashMap, HashSet};
use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use casbin::{CoreApi as _, DefaultModel, Enforcer, MemoryAdapter, MgmtApi as _};
use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityUid, PolicySet, Request,
    RestrictedExpression,
};
use gwm_authz::Rights;
use gwm_types::{Object, Permission};

use super::process::Held;
use crate::report::Report;

/// So many grants are what Cedar knows of, and are asked about.
const CEDAR: usize = 10_000;
const CASBIN: usize = 1_000;
const ROUNDS: usize = 5;
const POWER: &str = "power";

const POLICIES: &str = r#"
    permit(principal, action == Action::"console", resource) when { resource.power.contains(principal) };
    permit(principal, action == Action::"view", resource)
        when { resource.view.contains(principal) || resource.power.contains(principal) };
    permit(principal, action, resource) when { principal.admin };"#;

const MODEL: &str = "
[request_definition]
r = sub, obj, act
[policy_definition]
p = sub, obj, act
[role_definition]
g = _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act";

pub(crate) async fn run(report: &mut Report, rights: &Rights, held: &[Held]) -> anyhow::Result<()> {
    let cedar = Cedar::of(&held[..CEDAR])?;
    let casbin = casbin(&held[..CASBIN]).await?;
    let (mut ours, mut theirs, mut lines) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(each(CEDAR, |n| Ok(may(rights, &held[n])))?);
        theirs.push(each(CEDAR, |n| cedar.may(n))?);
        lines.push(each(CASBIN / 10, |n| {
            let (user, _, instance, _) = &held[n];
            Ok(casbin.enforce((user.to_string(), instance.to_string(), "console"))?)
        })?);
    }
    for (n, one) in held.iter().enumerate().take(CEDAR) {
        anyhow::ensure!(may(rights, one) == cedar.may(n)?, "Cedar says another thing of {n}");
    }
    let (ours, theirs, lines) = (middle(ours), middle(theirs), middle(lines));
    for (peer, took) in [("Cedar, of 10,000 grants", theirs), ("casbin, of 1,000 grants", lines)] {
        let ratio = took.as_secs_f64() / ours.as_secs_f64();
        let what = format!("a decision in process against {peer}");
        report.ratio(&what, text(ours), text(took), ratio, ">= 1x faster", ratio >= 1.0);
    }
    Ok(())
}

fn may(rights: &Rights, (user, cluster, instance, _): &Held) -> bool {
    rights.allows(*user, Permission::Console, Object::Instance(*cluster, *instance))
}

/// The time of one question, over so many.
fn each(count: usize, ask: impl Fn(usize) -> anyhow::Result<bool>) -> anyhow::Result<Duration> {
    let started = Instant::now();
    for n in 0..count {
        black_box(ask(n * 7919 % count)?);
    }
    Ok(started.elapsed() / u32::try_from(count)?)
}

fn middle(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn text(time: Duration) -> String {
    format!("{} ns", time.as_nanos())
}

struct Cedar {
    policies: PolicySet,
    entities: Entities,
    /// Of each grant, who and what.
    asked: Vec<(EntityUid, EntityUid)>,
    console: EntityUid,
}

impl Cedar {
    fn of(held: &[Held]) -> anyhow::Result<Self> {
        let mut asked = Vec::new();
        let mut entities = HashMap::new();
        for (user, _, instance, word) in held {
            let user: EntityUid = format!("User::\"{user}\"").parse()?;
            let instance: EntityUid = format!("Instance::\"{instance}\"").parse()?;
            let admin =
                HashMap::from([("admin".to_owned(), RestrictedExpression::new_bool(false))]);
            entities.insert(user.clone(), Entity::new(user.clone(), admin, HashSet::new())?);
            let holders = |of: &str| {
                let them =
                    (*word == of).then(|| RestrictedExpression::new_entity_uid(user.clone()));
                (of.to_owned(), RestrictedExpression::new_set(them))
            };
            let attributes = HashMap::from([holders("view"), holders(POWER)]);
            entities.insert(
                instance.clone(),
                Entity::new(instance.clone(), attributes, HashSet::new())?,
            );
            asked.push((user, instance));
        }
        Ok(Self {
            policies: POLICIES.parse().context("Cedar's policies")?,
            entities: Entities::from_entities(entities.into_values(), None)?,
            asked,
            console: "Action::\"console\"".parse()?,
        })
    }

    fn may(&self, n: usize) -> anyhow::Result<bool> {
        let (user, instance) = self.asked[n].clone();
        let request = Request::new(user, self.console.clone(), instance, Context::empty(), None)?;
        let answer = Authorizer::new().is_authorized(&request, &self.policies, &self.entities);
        Ok(answer.decision() == Decision::Allow)
    }
}

async fn casbin(held: &[Held]) -> anyhow::Result<Enforcer> {
    let model = DefaultModel::from_str(MODEL).await?;
    let mut enforcer = Enforcer::new(model, MemoryAdapter::default()).await?;
    let lines = held.iter().map(|(user, _, instance, word)| {
        let act = if *word == POWER { "console" } else { "view" };
        vec![user.to_string(), instance.to_string(), act.to_owned()]
    });
    enforcer.add_policies(lines.collect()).await?;
    Ok(enforcer)
}
