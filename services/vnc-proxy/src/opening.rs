//! From a ticket to an open console, and its end.

use std::time::Duration;

use axum::extract::ws::WebSocket;
use chrono::Utc;
use gwm_authz::{Authz, Mode, Principal, SignedAssertion};
use gwm_events::types::audit::{Outcome, Person, Phase, RECORD_APPENDED, Record, RecordObject};
use gwm_events::types::console::{CONSOLE_CLOSED, CONSOLE_OPENED, CONSOLE_REFUSED, Console};
use gwm_events::types::{EventType, Object as EventObject};
use gwm_events::{Event, Nats};
use gwm_kernel::grpc::Peer;
use gwm_kernel::{ErrorCode, Fault, Tasks, current_request_id, current_traceparent};
use gwm_proto::auth::RedeemTicketRequest;
use gwm_proto::auth::tickets_client::TicketsClient;
use gwm_proto::cache::internal_client::InternalClient;
use gwm_proto::cache::{ResolveConsoleRequest, ResolveConsoleResponse};
use gwm_proto::common::ObjectRef;
use gwm_types::{ConsoleId, Object, Permission};
use secrecy::SecretString;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;

use crate::config::{ConsoleConfig, HttpConfig};
use crate::consoles::{Consoles, OpenConsole};
use crate::relay::{self, End};
use crate::rfb;

/// How long NATS has to store that a console opens.
const AUDIT_PATIENCE: Duration = Duration::from_secs(3);

/// All that opening needs.
#[derive(Debug)]
pub(crate) struct Opener {
    pub(crate) auth: Peer,
    pub(crate) cache: Peer,
    pub(crate) authz: Authz,
    pub(crate) nats: Nats,
    pub(crate) consoles: Consoles,
    pub(crate) config: ConsoleConfig,
    pub(crate) http: HttpConfig,
    pub(crate) tasks: Tasks,
}

/// What is told of a console.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    Opened,
    Refused,
    Closed,
}

/// A redeemed ticket.
#[derive(Debug)]
pub(crate) struct Pass {
    id: ConsoleId,
    person: Principal,
    instance: ObjectRef,
    object: Object,
    kind: String,
    client_address: String,
}

impl Opener {
    /// Turns a ticket into a pass; of a hundred who come with one ticket one gets it.
    pub(crate) async fn redeem(
        &self,
        ticket: String,
        client_address: String,
    ) -> Result<Pass, Fault> {
        self.authz.fresh(Mode::Write)?;
        let request = RedeemTicketRequest { ticket, client_address: client_address.clone() };
        let redeemed = TicketsClient::new(self.auth.clone()).redeem_ticket(request).await;
        let redeemed = redeemed.map_err(Fault::from)?.into_inner();
        let signed =
            SignedAssertion { assertion: redeemed.assertion, signature: redeemed.signature };
        let person = self.authz.verify(&signed, Mode::Write)?;
        let instance = redeemed.instance.unwrap_or_default();
        let (Ok(cluster), Ok(uuid)) = (instance.cluster_id.parse(), instance.uuid.parse()) else {
            return Err(Fault::internal("auth redeemed a ticket without an instance"));
        };
        let object = Object::Instance(cluster, uuid);
        self.authz.require(&person, Permission::Console, object)?;
        let id = ConsoleId::generate();
        tracing::Span::current().record("console_id", tracing::field::display(id));
        Ok(Pass { id, person, instance, object, kind: redeemed.kind, client_address })
    }

    /// Opens the console, carries it until its end, and tells of both.
    pub(crate) async fn carry(
        self: std::sync::Arc<Self>,
        mut socket: WebSocket,
        pass: Pass,
        _place: OwnedSemaphorePermit,
    ) {
        let (node, place) = match self.open(&pass).await {
            Ok(opened) => opened,
            Err(fault) => {
                tracing::info!(reason = %fault.reason, "console could not be opened");
                let told = self.tell(&pass, None, Moment::Refused, Some(&fault));
                if let Err(error) = told.await {
                    tracing::warn!(%error, "a refused console could not be told of");
                }
                relay::close(&mut socket, relay::NOT_OPENED, &fault.message).await;
                return;
            }
        };
        let listed = self.consoles.enter(
            pass.id,
            OpenConsole {
                username: pass.person.username.clone(),
                cluster: place.cluster_slug.clone(),
                instance: place.instance_name.clone(),
                opened_at: Utc::now(),
            },
        );
        let end = tokio::select! {
            end = relay::carry(&mut socket, node) => end,
            end = self.rights_end(&pass) => end,
            () = self.tasks.shutdown().soft.cancelled() => End::Shutdown,
        };
        drop(listed);
        relay::close(&mut socket, end.code(), &end.to_string()).await;
        let reason = Fault::new(ErrorCode::Conflict, end.reason(), end.to_string());
        if let Err(error) = self.tell(&pass, Some(&place), Moment::Closed, Some(&reason)).await {
            tracing::error!(%error, console_id = %pass.id, "the end of a console could not be told");
        }
        tracing::info!(end = end.reason(), "console closed");
    }

    async fn open(&self, pass: &Pass) -> Result<(TcpStream, ResolveConsoleResponse), Fault> {
        let mut request = pass.person.signed.attach(ResolveConsoleRequest {
            instance: Some(pass.instance.clone()),
            kind: pass.kind.clone(),
        });
        request.set_timeout(Duration::from_secs(20));
        let place = InternalClient::new(self.cache.clone())
            .resolve_console(request)
            .await
            .map_err(Fault::from)?
            .into_inner();
        let node =
            tokio::time::timeout(self.config.connect_timeout, self.greet(&place))
                .await
                .map_err(|_| console_fault("the node's console port does not answer in time"))??;
        // Not before it is written down that it opens: without the audit there is no console.
        let told = self.tell(pass, Some(&place), Moment::Opened, None).await;
        told.map_err(|error| {
            tracing::error!(%error, "a console was not opened: its audit record was not stored");
            Fault::new(
                ErrorCode::Unavailable,
                "audit_unavailable",
                "the audit log can't be written just now, and no console opens without; try again",
            )
        })?;
        Ok((node, place))
    }

    async fn greet(&self, place: &ResolveConsoleResponse) -> Result<TcpStream, Fault> {
        let port = u16::try_from(place.port)
            .ok()
            .filter(|p| *p >= 5900)
            .ok_or_else(|| console_fault("Ganeti names no console port for this instance"))?;
        let mut node = TcpStream::connect((place.host.as_str(), port)).await.map_err(|error| {
            tracing::info!(%error, "console port can't be reached");
            // The address stays in the log: the browser never learns it.
            console_fault(
                "the node's console port can't be reached: is it open to vnc-proxy in the \
                     node's firewall?",
            )
        })?;
        node.set_nodelay(true).map_err(Fault::internal)?;
        let password = Some(place.vnc_password.clone()).filter(|p| !p.is_empty());
        let password = password.map(SecretString::from);
        rfb::greet_node(&mut node, password.as_ref()).await.map_err(|error| {
            if let rfb::RfbError::Io(io) = &error {
                tracing::info!(%io, "console broke in the handshake");
            }
            console_fault(error.to_string())
        })?;
        Ok(node)
    }

    /// Returns when the person may no longer look.
    async fn rights_end(&self, pass: &Pass) -> End {
        let mut changes = self.authz.changes();
        let mut silent_since: Option<tokio::time::Instant> = None;
        loop {
            let person = &pass.person;
            let may = self.authz.still_valid(person)
                && self.authz.allows(person, Permission::Console, pass.object);
            if !may {
                return End::RightEnded;
            }
            if self.authz.fresh(Mode::Read).is_ok() {
                silent_since = None;
            } else {
                let since = *silent_since.get_or_insert_with(tokio::time::Instant::now);
                if since.elapsed() >= self.config.orphan_timeout {
                    return End::AuthSilent;
                }
            }
            // The sender lives as long as the process; the second is for auth's silence.
            drop(tokio::time::timeout(Duration::from_secs(1), changes.changed()).await);
        }
    }

    async fn tell(
        &self,
        pass: &Pass,
        place: Option<&ResolveConsoleResponse>,
        moment: Moment,
        reason: Option<&Fault>,
    ) -> gwm_events::Result<()> {
        let now = Utc::now();
        let event_type = match moment {
            Moment::Opened => CONSOLE_OPENED,
            Moment::Refused => CONSOLE_REFUSED,
            Moment::Closed => CONSOLE_CLOSED,
        };
        let console = Console {
            id: pass.id.to_string(),
            cluster: place.map(|p| p.cluster_slug.clone()),
            instance_uuid: Some(pass.instance.uuid.clone()),
            instance: place.map(|p| p.instance_name.clone()),
            kind: pass.kind.clone(),
            user_id: Some(pass.person.user_id.to_string()),
            username: Some(pass.person.username.clone()),
            client_address: Some(pass.client_address.clone()),
            opened_at: (moment == Moment::Opened).then_some(now),
            closed_at: (moment == Moment::Closed).then_some(now),
            reason: reason.map(|f| f.reason.to_string()),
            revision: if moment == Moment::Closed { 2 } else { 1 },
        };
        let record = self.record(pass, place, moment, reason);
        self.send(RECORD_APPENDED, record).await?;
        self.send(event_type, console).await
    }

    fn record(
        &self,
        pass: &Pass,
        place: Option<&ResolveConsoleResponse>,
        moment: Moment,
        reason: Option<&Fault>,
    ) -> Record {
        let (phase, outcome) = match moment {
            Moment::Opened => (Phase::Begin, None),
            Moment::Closed => (Phase::End, Some(Outcome::Succeeded)),
            Moment::Refused => (Phase::Single, Some(Outcome::Refused)),
        };
        let person = &pass.person;
        Record {
            id: uuid::Uuid::now_v7().to_string(),
            number: 0,
            at: Utc::now(),
            service: "vnc-proxy".to_owned(),
            action: "console.open".to_owned(),
            phase,
            outcome,
            reason: reason.map(|f| f.reason.to_string()),
            person: Some(Person {
                user_id: Some(person.user_id.to_string()),
                username: Some(person.username.clone()),
                acting_as: person.group(),
                session_id: person.session_id.map(|s| s.to_string()),
                token_id: person.token_id.map(|t| t.to_string()),
                client_address: Some(pass.client_address.clone()),
            }),
            cluster: place.map(|p| p.cluster_slug.clone()),
            cluster_id: Some(pass.instance.cluster_id.clone()),
            object: Some(RecordObject {
                kind: "instance".to_owned(),
                id: Some(pass.instance.uuid.clone()),
                name: place.map(|p| p.instance_name.clone()),
            }),
            job_id: None,
            request_id: current_request_id(),
            details: [("console".to_owned(), pass.id.to_string().into())].into(),
            previous_hash: None,
            hash: None,
        }
    }

    async fn send<T: EventObject>(
        &self,
        event_type: EventType<T>,
        object: T,
    ) -> gwm_events::Result<()> {
        let mut event = Event::new(event_type, "vnc-proxy", Utc::now(), object);
        event.traceparent = current_traceparent();
        gwm_events::publish_intake_and_wait(&self.nats, &event, AUDIT_PATIENCE).await?;
        Ok(())
    }
}

fn console_fault(message: impl Into<String>) -> Fault {
    Fault::new(ErrorCode::Conflict, "console_unavailable", message)
}
