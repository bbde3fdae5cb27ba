//! `/events`: what happens, as server-sent events, filtered per event by what one may see.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use gwm_authz::{Authz, Mode};
use gwm_events::Class;
use gwm_kernel::Fault;
use gwm_types::{ClusterId, Object, Permission};
use http::{HeaderMap, HeaderName};
use serde::Deserialize;
use tokio::sync::broadcast::error::RecvError;
use utoipa::IntoParams;

use super::clusters;
use super::extract::Params;
use crate::http::AppState;
use crate::http::person::Person;
use crate::http::problem::{Problem, ProblemDocument};
use crate::hub::{Cursor, HubEvent, Item};

/// How often a quiet stream checks that it may go on.
const CHECK_EVERY: Duration = Duration::from_millis(500);

/// Where to go on.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct EventQuery {
    /// As the header `Last-Event-ID`, for clients that can't set it.
    after: String,
}

/// Events as they happen. Each message's data is a `CloudEvent`; its id goes into `Last-Event-ID` to
/// go on after it. A message of type `reset` says that something was lost: read the lists again. One of
/// type `access` says that what you may see or do has changed: what is on the screen may be yours no more.
#[utoipa::path(get, path = "/events", tag = "events", params(EventQuery), responses(
    (status = 200, description = "a stream", content_type = "text/event-stream", body = String),
    (status = 401, body = ProblemDocument)))]
pub(crate) async fn stream(
    State(state): State<AppState>,
    person: Person,
    headers: HeaderMap,
    Params(query): Params<EventQuery>,
) -> Result<
    ([(HeaderName, &'static str); 1], Sse<impl Stream<Item = Result<Event, Infallible>>>),
    Problem,
> {
    let id = super::extract::header(&headers, "last-event-id", 256)?
        .or_else(|| Some(query.after).filter(|id| !id.is_empty()));
    let cursor = id.as_deref().map(parse_id).transpose()?;
    let viewer = Viewer::new(&state, person).await?;
    let sse = Sse::new(follow(state, viewer, cursor))
        .keep_alive(KeepAlive::new().interval(Duration::from_secs(15)));
    Ok(([(HeaderName::from_static("x-accel-buffering"), "no")], sse))
}

fn follow(
    state: AppState,
    viewer: Viewer,
    cursor: Option<Cursor>,
) -> impl Stream<Item = Result<Event, Infallible>> {
    async_stream::stream! {
        let _open = OpenStream::new();
        if let Some(cursor) = &cursor {
            state.hub.catch_up(cursor).await;
        }
        let (mut position, lost, missed, mut live) = state.hub.subscribe(cursor.as_ref());
        // Tells the browser where it is, before anything happens.
        yield Ok(Event::default().event("hello").id(format_id(&position)).data("{}"));
        if lost {
            yield Ok(reset(&position));
        }
        let mut waiting: VecDeque<Item> = missed.into_iter().map(Item::Event).collect();
        let mut rights = viewer.rights_since();
        loop {
            let now = viewer.rights_since();
            if now != rights {
                rights = now;
                yield Ok(access(&position));
            }
            let item = match waiting.pop_front() {
                Some(item) => Ok(item),
                None => tokio::select! {
                    item = live.recv() => item,
                    () = tokio::time::sleep(CHECK_EVERY) => {
                        if viewer.may_go_on() { continue } else { break }
                    }
                    () = state.shutdown.cancelled() => break,
                },
            };
            if !viewer.may_go_on() {
                break;
            }
            match item {
                // A gateway that has just started reads again what this browser had already.
                Ok(Item::Event(event))
                    if position.get(&event.class).is_some_and(|seen| event.sequence <= *seen) => {}
                Ok(Item::Event(event)) => match viewer.see(&event) {
                    Sight::ComeAgain => break,
                    Sight::Hidden => {
                        position.insert(event.class, event.sequence);
                    }
                    Sight::Text(data) => {
                        position.insert(event.class, event.sequence);
                        yield Ok(Event::default().id(format_id(&position)).data(data));
                    }
                },
                Ok(Item::Reset) | Err(RecvError::Lagged(_)) => {
                    let (now, _, _, again) = state.hub.subscribe(None);
                    (position, live) = (now, again);
                    yield Ok(reset(&position));
                }
                Err(RecvError::Closed) => break,
            }
        }
        if viewer.is_out() {
            yield Ok(access(&position));
        }
    }
}

/// Counts a stream as long as it is open.
struct OpenStream;

impl OpenStream {
    fn new() -> Self {
        metrics::gauge!("gwm_event_streams").increment(1);
        Self
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        metrics::gauge!("gwm_event_streams").decrement(1);
    }
}

fn access(position: &Cursor) -> Event {
    Event::default().event("access").id(format_id(position)).data("{}")
}

fn reset(position: &Cursor) -> Event {
    Event::default().event("reset").id(format_id(position)).data("{}")
}

/// `inventory-12.jobs-3`: the last sequence seen of each class.
pub(crate) fn format_id(position: &Cursor) -> String {
    let parts: Vec<String> = position.iter().map(|(c, n)| format!("{c}-{n}")).collect();
    parts.join(".")
}

fn parse_id(id: &str) -> Result<Cursor, Problem> {
    let bad = || Fault::invalid("Last-Event-ID", "this event id was not made by gwm");
    let mut cursor = BTreeMap::new();
    for part in id.split('.').filter(|p| !p.is_empty()) {
        let (class, sequence) = part.split_once('-').ok_or_else(bad)?;
        let class = class.parse::<Class>().map_err(|_| bad())?;
        cursor.insert(class, sequence.parse().map_err(|_| bad())?);
    }
    Ok(cursor)
}

/// What one person gets of an event.
enum Sight {
    Hidden,
    Text(String),
    /// Rights came meanwhile on a cluster that this stream does not know by name: the browser is
    /// to come again, with a fresh assertion, from where it was.
    ComeAgain,
}

/// One person looking at the stream.
struct Viewer {
    state: AppState,
    person: Person,
    clusters: HashMap<String, ClusterId>,
}

impl Viewer {
    async fn new(state: &AppState, person: Person) -> Result<Self, Problem> {
        let mut viewer = Self { state: state.clone(), person, clusters: HashMap::new() };
        if !viewer.authz().is_admin(&viewer.person.0) {
            viewer.look_up().await?;
        }
        Ok(viewer)
    }

    fn authz(&self) -> &Authz {
        &self.state.authz
    }

    fn may_go_on(&self) -> bool {
        self.authz().fresh(Mode::Read).is_ok() && !self.is_out()
    }

    /// Signed out, disabled, or a token that counts no more.
    fn is_out(&self) -> bool {
        !self.authz().still_valid(&self.person.0)
    }

    fn rights_since(&self) -> Option<u64> {
        self.authz().rights_since(self.person.0.holder())
    }

    fn see(&self, event: &HubEvent) -> Sight {
        let text = || String::from_utf8(event.payload.to_vec()).map_or(Sight::Hidden, Sight::Text);
        if self.authz().is_admin(&self.person.0) {
            return text();
        }
        let Some(slug) = event.cluster.as_deref() else { return Sight::Hidden };
        let Some(&cluster) = self.clusters.get(slug) else {
            let visible = self.authz().clusters(&self.person.0, Permission::View);
            let known = |id: &ClusterId| self.clusters.values().any(|k| k == id);
            let all_known = visible.is_some_and(|ids| ids.iter().all(known));
            return if all_known { Sight::Hidden } else { Sight::ComeAgain };
        };
        if !self.may_know(event, cluster) {
            return Sight::Hidden;
        }
        let sees = self.sees_placement(cluster);
        if sees || self.sees_node_group(event, cluster) {
            return text();
        }
        event.without_placement().map_or(Sight::Hidden, |text| Sight::Text(text.to_owned()))
    }

    /// Whether the person sees what the event is about.
    fn may_know(&self, event: &HubEvent, cluster: ClusterId) -> bool {
        let views = |object| self.authz().allows(&self.person.0, Permission::View, object);
        let views_instance =
            |uuid: &str| uuid.parse().is_ok_and(|u| views(Object::Instance(cluster, u)));
        let whole_cluster = views(Object::Cluster(cluster));
        match (event.class, event.kind.as_str()) {
            (Class::Inventory, "node" | "node_group") => {
                self.sees_placement(cluster) || self.sees_node_group(event, cluster)
            }
            (Class::Inventory, "instance") => whole_cluster || views_instance(&event.id),
            (Class::Inventory, _) => whole_cluster,
            (Class::Jobs, "job") => {
                // Which token asked for it an event doesn't say, so a restricted one goes by its rights alone.
                let own = !self.person.0.restricted
                    && event.requested_by.as_deref() == Some(self.person.0.username.as_str());
                let seen = event.job_instance.as_deref().is_some_and(views_instance);
                own || seen || whole_cluster
            }
            // Access, consoles and audit are for administrators.
            _ => false,
        }
    }

    fn sees_placement(&self, cluster: ClusterId) -> bool {
        self.shows_placement(Object::Cluster(cluster))
    }

    /// Whether the event is about a node group that the person sees, or about a node in it. Of instances there it is
    /// not told where they run: one that has just gone elsewhere would be told of, too.
    fn sees_node_group(&self, event: &HubEvent, cluster: ClusterId) -> bool {
        let group = event.node_group.as_deref().and_then(|group| group.parse().ok());
        group.is_some_and(|group| self.shows_placement(Object::NodeGroup(cluster, group)))
    }

    /// The one place of the stream that asks for `view_placement`.
    fn shows_placement(&self, object: Object) -> bool {
        self.authz().allows(&self.person.0, Permission::ViewPlacement, object)
    }

    /// Learns gwm's ids of the clusters that the person sees something of.
    async fn look_up(&mut self) -> Result<(), Problem> {
        for cluster in clusters::all(&self.state, &self.person).await? {
            if let Ok(id) = cluster.cluster_id.parse() {
                self.clusters.insert(cluster.slug, id);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_being_written_and_read() {
        let position: Cursor = [(Class::Inventory, 12), (Class::Jobs, 3)].into();
        assert_eq!(parse_id(&format_id(&position)).unwrap(), position);
        for forged in ["inventory", "inventory-x", "secret-1", "inventory-1.jobs"] {
            assert!(parse_id(forged).is_err(), "{forged}");
        }
    }
}
