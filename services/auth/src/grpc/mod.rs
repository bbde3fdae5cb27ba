//! The RPCs: one file a gRPC service.

mod access;
mod account;
mod audit;
mod callers;
mod convert;
mod effective;
mod grants;
mod groups;
mod invites;
mod oidc;
mod owners;
mod ownership;
mod people;
mod personas;
mod quotas;
mod roles;
mod second_factor;
mod sessions;
mod sign_in;
mod ssh_keys;
mod tickets;
mod tokens;
mod users;
mod views;
mod whose;

use std::sync::Arc;

use gwm_authz::Authz;
use gwm_kernel::grpc::GrpcServer;
use gwm_proto::auth::access_server::AccessServer;
use gwm_proto::auth::account_server::AccountServer;
use gwm_proto::auth::audit_server::AuditServer;
use gwm_proto::auth::effective_server::EffectiveServer;
use gwm_proto::auth::grants_server::GrantsServer;
use gwm_proto::auth::groups_server::GroupsServer;
use gwm_proto::auth::invites_server::InvitesServer;
use gwm_proto::auth::oidc_server::OidcServer;
use gwm_proto::auth::owners_server::OwnersServer;
use gwm_proto::auth::ownership_server::OwnershipServer;
use gwm_proto::auth::people_server::PeopleServer;
use gwm_proto::auth::personas_server::PersonasServer;
use gwm_proto::auth::quotas_server::QuotasServer;
use gwm_proto::auth::roles_server::RolesServer;
use gwm_proto::auth::second_factor_server::SecondFactorServer;
use gwm_proto::auth::sessions_server::SessionsServer;
use gwm_proto::auth::sign_in_server::SignInServer;
use gwm_proto::auth::ssh_keys_server::SshKeysServer;
use gwm_proto::auth::tickets_server::TicketsServer;
use gwm_proto::auth::tokens_server::TokensServer;
use gwm_proto::auth::users_server::UsersServer;
use gwm_proto::auth::views_server::ViewsServer;
use gwm_query::CursorKey;
use tokio::sync::OnceCell;

use crate::app::{Hub, Login, OwnerNews, Passwords, SignerSlot};
use crate::config::{SessionConfig, TicketConfig};
use crate::store::Store;

pub use callers::CALLERS;
pub(crate) use convert::timestamp;
pub(crate) use ownership::sizes;

/// What the RPCs work with. Cloning is cheap.
#[derive(Clone)]
pub(crate) struct Rpcs {
    pub(crate) store: Store,
    pub(crate) authz: Authz,
    pub(crate) hub: Arc<Hub>,
    pub(crate) signer: SignerSlot,
    pub(crate) passwords: Passwords,
    pub(crate) login: Login,
    pub(crate) session: SessionConfig,
    pub(crate) ticket: TicketConfig,
    /// Wakes who follows owners; over when the process ends.
    pub(crate) owners: OwnerNews,
    /// Signs cursors; read when the first list is asked for.
    pub(crate) cursors: Arc<OnceCell<CursorKey>>,
}

impl Rpcs {
    /// Registers all of them, each with the callers that it takes.
    pub(crate) fn register(&self, server: &mut GrpcServer) {
        server
            .add(SessionsServer::new(self.clone()), callers::of("Sessions"))
            .add(TokensServer::new(self.clone()), callers::of("Tokens"))
            .add(SshKeysServer::new(self.clone()), callers::of("SshKeys"))
            .add(UsersServer::new(self.clone()), callers::of("Users"))
            .add(PeopleServer::new(self.clone()), callers::of("People"))
            .add(PersonasServer::new(self.clone()), callers::of("Personas"))
            .add(AccountServer::new(self.clone()), callers::of("Account"))
            .add(SecondFactorServer::new(self.clone()), callers::of("SecondFactor"))
            .add(SignInServer::new(self.clone()), callers::of("SignIn"))
            .add(OidcServer::new(self.clone()), callers::of("Oidc"))
            .add(InvitesServer::new(self.clone()), callers::of("Invites"))
            .add(GrantsServer::new(self.clone()), callers::of("Grants"))
            .add(GroupsServer::new(self.clone()), callers::of("Groups"))
            .add(RolesServer::new(self.clone()), callers::of("Roles"))
            .add(EffectiveServer::new(self.clone()), callers::of("Effective"))
            .add(AccessServer::new(self.clone()), callers::of("Access"))
            .add(TicketsServer::new(self.clone()), callers::of("Tickets"))
            .add(OwnershipServer::new(self.clone()), callers::of("Ownership"))
            .add(OwnersServer::new(self.clone()), callers::of("Owners"))
            .add(QuotasServer::new(self.clone()), callers::of("Quotas"))
            .add(ViewsServer::new(self.clone()), callers::of("Views"))
            .add(AuditServer::new(self.clone()), callers::of("Audit"));
    }
}
