//! The other services, as generated clients. Cloning is cheap.

use gwm_authz::Authz;
use gwm_kernel::Boot;
use gwm_kernel::grpc::Peer;
use gwm_proto::auth::account_client::AccountClient;
use gwm_proto::auth::audit_client::AuditClient;
use gwm_proto::auth::effective_client::EffectiveClient;
use gwm_proto::auth::grants_client::GrantsClient;
use gwm_proto::auth::groups_client::GroupsClient;
use gwm_proto::auth::invites_client::InvitesClient;
use gwm_proto::auth::oidc_client::OidcClient;
use gwm_proto::auth::owners_client::OwnersClient;
use gwm_proto::auth::people_client::PeopleClient;
use gwm_proto::auth::personas_client::PersonasClient;
use gwm_proto::auth::quotas_client::QuotasClient;
use gwm_proto::auth::roles_client::RolesClient;
use gwm_proto::auth::second_factor_client::SecondFactorClient;
use gwm_proto::auth::sessions_client::SessionsClient;
use gwm_proto::auth::sign_in_client::SignInClient;
use gwm_proto::auth::ssh_keys_client::SshKeysClient;
use gwm_proto::auth::tickets_client::TicketsClient;
use gwm_proto::auth::tokens_client::TokensClient;
use gwm_proto::auth::users_client::UsersClient;
use gwm_proto::auth::views_client::ViewsClient;
use gwm_proto::cache::clusters_client::ClustersClient;
use gwm_proto::cache::find_client::FindClient;
use gwm_proto::cache::imports_client::ImportsClient;
use gwm_proto::cache::instance_notes_client::InstanceNotesClient;
use gwm_proto::cache::inventory_client::InventoryClient;
use gwm_proto::cache::objects_client::ObjectsClient;
use gwm_proto::cache::owner_tags_client::OwnerTagsClient;
use gwm_proto::cache::watch_client::WatchClient;
use gwm_proto::jobs::jobs_client::JobsClient;

use crate::kept::KeptReads;

/// Lists of 200 instances with all their fields stay far below this.
const LARGEST_ANSWER: usize = 32 << 20;

/// All peers.
#[derive(Debug, Clone)]
pub(crate) struct Clients {
    auth: Peer,
    cache: KeptReads,
    jobs: Peer,
}

impl Clients {
    /// All but `auth`, which is needed before them.
    pub(crate) fn connect(boot: &Boot, auth: Peer, authz: Authz) -> anyhow::Result<Self> {
        let cache = KeptReads::new(boot.peer("cache-updater")?, authz);
        Ok(Self { auth, cache, jobs: boot.peer("job-runner")? })
    }

    pub(crate) fn sessions(&self) -> SessionsClient<Peer> {
        SessionsClient::new(self.auth.clone())
    }

    pub(crate) fn tokens(&self) -> TokensClient<Peer> {
        TokensClient::new(self.auth.clone())
    }

    pub(crate) fn users(&self) -> UsersClient<Peer> {
        UsersClient::new(self.auth.clone())
    }

    pub(crate) fn ssh_keys(&self) -> SshKeysClient<Peer> {
        SshKeysClient::new(self.auth.clone())
    }

    pub(crate) fn people(&self) -> PeopleClient<Peer> {
        PeopleClient::new(self.auth.clone())
    }

    pub(crate) fn personas(&self) -> PersonasClient<Peer> {
        PersonasClient::new(self.auth.clone())
    }

    pub(crate) fn account(&self) -> AccountClient<Peer> {
        AccountClient::new(self.auth.clone())
    }

    pub(crate) fn oidc(&self) -> OidcClient<Peer> {
        OidcClient::new(self.auth.clone())
    }

    pub(crate) fn second_factor(&self) -> SecondFactorClient<Peer> {
        SecondFactorClient::new(self.auth.clone())
    }

    pub(crate) fn sign_in(&self) -> SignInClient<Peer> {
        SignInClient::new(self.auth.clone())
    }

    pub(crate) fn invites(&self) -> InvitesClient<Peer> {
        InvitesClient::new(self.auth.clone())
    }

    pub(crate) fn views(&self) -> ViewsClient<Peer> {
        ViewsClient::new(self.auth.clone())
    }

    pub(crate) fn audit(&self) -> AuditClient<Peer> {
        AuditClient::new(self.auth.clone()).max_decoding_message_size(LARGEST_ANSWER)
    }

    pub(crate) fn grants(&self) -> GrantsClient<Peer> {
        GrantsClient::new(self.auth.clone())
    }

    pub(crate) fn quotas(&self) -> QuotasClient<Peer> {
        QuotasClient::new(self.auth.clone())
    }

    pub(crate) fn roles(&self) -> RolesClient<Peer> {
        RolesClient::new(self.auth.clone())
    }

    pub(crate) fn effective(&self) -> EffectiveClient<Peer> {
        EffectiveClient::new(self.auth.clone())
    }

    pub(crate) fn groups(&self) -> GroupsClient<Peer> {
        GroupsClient::new(self.auth.clone())
    }

    pub(crate) fn owners(&self) -> OwnersClient<Peer> {
        OwnersClient::new(self.auth.clone())
            .max_decoding_message_size(LARGEST_ANSWER)
            .max_encoding_message_size(LARGEST_ANSWER)
    }

    pub(crate) fn imports(&self) -> ImportsClient<KeptReads> {
        ImportsClient::new(self.cache.clone()).max_decoding_message_size(LARGEST_ANSWER)
    }

    pub(crate) fn tickets(&self) -> TicketsClient<Peer> {
        TicketsClient::new(self.auth.clone())
    }

    pub(crate) fn clusters(&self) -> ClustersClient<KeptReads> {
        ClustersClient::new(self.cache.clone())
    }

    pub(crate) fn inventory(&self) -> InventoryClient<KeptReads> {
        InventoryClient::new(self.cache.clone()).max_decoding_message_size(LARGEST_ANSWER)
    }

    pub(crate) fn notes(&self) -> InstanceNotesClient<KeptReads> {
        InstanceNotesClient::new(self.cache.clone())
    }

    pub(crate) fn objects(&self) -> ObjectsClient<KeptReads> {
        ObjectsClient::new(self.cache.clone()).max_decoding_message_size(LARGEST_ANSWER)
    }

    pub(crate) fn find(&self) -> FindClient<KeptReads> {
        FindClient::new(self.cache.clone())
    }

    pub(crate) fn owner_tags(&self) -> OwnerTagsClient<KeptReads> {
        OwnerTagsClient::new(self.cache.clone())
    }

    pub(crate) fn watch(&self) -> WatchClient<KeptReads> {
        WatchClient::new(self.cache.clone())
    }

    pub(crate) fn jobs(&self) -> JobsClient<Peer> {
        JobsClient::new(self.jobs.clone()).max_decoding_message_size(LARGEST_ANSWER)
    }
}
