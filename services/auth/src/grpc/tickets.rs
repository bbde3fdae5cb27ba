//! One-use passes to a console.

use gwm_authz::{ActingAs, Mode};
use gwm_proto::auth::tickets_server::Tickets;
use gwm_proto::auth::{
    CreateTicketRequest, CreateTicketResponse, RedeemTicketRequest, RedeemTicketResponse,
};
use gwm_types::{Object, Permission};
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::{Rpcs, convert};
use crate::app::{Person, switched_to};
use crate::domain::{Secret, object_ref, parse_object};
use crate::error::{Error, Result};
use crate::metrics;
use crate::store::{commit, rights, ticket};

const KIND: &str = "vnc";

#[async_trait]
impl Tickets for Rpcs {
    async fn create_ticket(
        &self,
        request: Request<CreateTicketRequest>,
    ) -> Result<Response<CreateTicketResponse>, Status> {
        let principal = self.authz.principal(&request, Mode::Write)?;
        let request = request.into_inner();
        let object = parse_object(request.instance.as_ref())
            .map_err(|why| Error::invalid("instance", why))?;
        let Object::Instance(cluster, instance) = object else {
            return Err(Error::invalid("instance", "a console is an instance's").into());
        };
        if request.kind != KIND {
            return Err(Error::invalid("kind", "kind must be vnc").into());
        }
        if let Err(fault) = self.authz.require(&principal, Permission::Console, object) {
            metrics::denied("console.open");
            tracing::warn!(user_id = %principal.user_id, %instance, "console refused");
            return Err(fault.into());
        }
        let secret = Secret::generate("");
        let new = ticket::NewTicket {
            token_hash: &secret.hash(),
            user_id: principal.user_id.0,
            session_id: principal.session_id.map(|s| s.0),
            token_id: principal.token_id.map(|t| t.0),
            acting_as: principal.acting_as.as_ref().map(|group| group.group_id),
            cluster_id: cluster.0,
            instance_uuid: instance.0,
            kind: KIND,
        };
        let mut tx = self.store.begin().await?;
        let expires_at = ticket::insert(&mut tx, &new, self.ticket.lifetime).await?;
        commit(tx).await?;
        Ok(Response::new(CreateTicketResponse {
            ticket: secret.expose(),
            expires_at: Some(convert::timestamp(expires_at)),
        }))
    }

    async fn redeem_ticket(
        &self,
        request: Request<RedeemTicketRequest>,
    ) -> Result<Response<RedeemTicketResponse>, Status> {
        let request = request.into_inner();
        let secret = Secret::shown(request.ticket).ok_or(Error::TicketInvalid)?;
        let (redeemed, acting_as) = self.redeem(&secret, &request.client_address).await?;
        let person = Person {
            user_id: redeemed.user_id,
            username: redeemed.username,
            is_admin: redeemed.is_admin,
            session_id: redeemed.session_id,
            token_id: redeemed.token_id,
            restricted: redeemed.restricted,
            until: redeemed.until,
            acting_as,
            client_address: request.client_address,
            // Whoever got the ticket was asked for it then.
            second_factor_missing: false,
        };
        let (signed, _) = self.signer.vouch(&person)?;
        let text = |id: Option<Uuid>| id.map(|i| i.to_string()).unwrap_or_default();
        let instance = redeemed.instance_uuid.into();
        Ok(Response::new(RedeemTicketResponse {
            user_id: person.user_id.to_string(),
            username: person.username,
            session_id: text(person.session_id),
            token_id: text(person.token_id),
            instance: Some(object_ref(Object::Instance(redeemed.cluster_id.into(), instance))),
            kind: redeemed.kind,
            assertion: signed.assertion,
            signature: signed.signature,
        }))
    }
}

impl Rpcs {
    /// Uses the ticket up, then looks once more whether its person may: a ticket that is refused
    /// here is used up too.
    async fn redeem(
        &self,
        secret: &Secret,
        client_address: &str,
    ) -> Result<(ticket::Redeemed, Option<ActingAs>)> {
        let mut tx = self.store.begin().await?;
        let Some(redeemed) = ticket::redeem(&mut tx, &secret.hash(), client_address).await? else {
            metrics::ticket("invalid");
            tracing::warn!(client_address, "console ticket refused");
            return Err(Error::TicketInvalid);
        };
        let signed_in = ticket::sign_in_lives(&mut tx, &redeemed, &self.session).await?;
        let user_id = redeemed.user_id;
        let instance = redeemed.instance_uuid;
        let object = Object::Instance(redeemed.cluster_id.into(), instance.into());
        let token = redeemed.token_id.filter(|_| redeemed.restricted);
        let may = rights::allows(&mut tx, user_id, token, Permission::Console, object).await?;
        let acting_as = switched_to(&mut tx, user_id, redeemed.acting_as).await?;
        commit(tx).await?;
        let (outcome, refused) = match (signed_in, may) {
            (false, _) => ("session_ended", Some(Error::NotSignedIn)),
            (true, false) => ("right_lost", Some(Error::ConsoleLost)),
            (true, true) => ("redeemed", None),
        };
        metrics::ticket(outcome);
        let Some(refused) = refused else { return Ok((redeemed, acting_as)) };
        tracing::warn!(%user_id, %instance, outcome, "console ticket refused");
        Err(refused)
    }
}
