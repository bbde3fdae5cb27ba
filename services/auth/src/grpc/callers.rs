//! Which service may call which RPC. A test holds this against the contract.

type Callers = &'static [&'static str];

const GATEWAY: Callers = &["web-gateway"];
const JOBS: Callers = &["job-runner"];
const EVERYBODY: Callers = &["cache-updater", "job-runner", "vnc-proxy", "web-gateway"];

/// A gRPC service with each of its RPCs and who may call that.
type Service = (&'static str, &'static [(&'static str, Callers)]);

/// Those of all gRPC services.
pub const CALLERS: &[Service] = &[
    ("Sessions", &[("Login", GATEWAY), ("Resolve", GATEWAY), ("Logout", GATEWAY)]),
    ("Tokens", &[("CreateToken", GATEWAY), ("ListTokens", GATEWAY), ("RevokeToken", GATEWAY)]),
    (
        "SshKeys",
        &[
            ("AddSshKey", GATEWAY),
            ("ListSshKeys", GATEWAY),
            ("RemoveSshKey", GATEWAY),
            ("ExportSshKeys", GATEWAY),
        ],
    ),
    ("Users", &[("GetMe", GATEWAY), ("CreateUser", GATEWAY), ("ListUsers", GATEWAY)]),
    (
        "People",
        &[
            ("GetUser", GATEWAY),
            ("ChangeUser", GATEWAY),
            ("SetPassword", GATEWAY),
            ("CompleteUsers", GATEWAY),
        ],
    ),
    ("Personas", &[("SwitchPersona", GATEWAY)]),
    (
        "Account",
        &[
            ("ChangePassword", GATEWAY),
            ("ListSessions", GATEWAY),
            ("EndSession", GATEWAY),
            ("EndOtherSessions", GATEWAY),
        ],
    ),
    (
        "SecondFactor",
        &[
            ("GetSecondFactor", GATEWAY),
            ("BeginSecondFactor", GATEWAY),
            ("ConfirmSecondFactor", GATEWAY),
            ("RemoveSecondFactor", GATEWAY),
            ("ResetSecondFactor", GATEWAY),
            ("FinishLogin", GATEWAY),
        ],
    ),
    ("SignIn", &[("GetSignInPolicy", GATEWAY), ("SetSignInPolicy", GATEWAY)]),
    ("Oidc", &[("ListProviders", GATEWAY), ("StartOidc", GATEWAY), ("FinishOidc", GATEWAY)]),
    (
        "Invites",
        &[
            ("CreateInvite", GATEWAY),
            ("ListInvites", GATEWAY),
            ("WithdrawInvite", GATEWAY),
            ("RedeemInvite", GATEWAY),
        ],
    ),
    ("Grants", &[("AddGrant", GATEWAY), ("RemoveGrant", GATEWAY), ("ListGrants", GATEWAY)]),
    (
        "Groups",
        &[
            ("CreateGroup", GATEWAY),
            ("ListGroups", GATEWAY),
            ("GetGroup", GATEWAY),
            ("UpdateGroup", GATEWAY),
            ("DeleteGroup", GATEWAY),
            ("SetMember", GATEWAY),
            ("RemoveMember", GATEWAY),
        ],
    ),
    (
        "Roles",
        &[
            ("ListRoles", GATEWAY),
            ("CreateRole", GATEWAY),
            ("UpdateRole", GATEWAY),
            ("DeleteRole", GATEWAY),
        ],
    ),
    ("Effective", &[("Explain", GATEWAY)]),
    ("Access", &[("Check", EVERYBODY), ("BatchCheck", EVERYBODY), ("Watch", EVERYBODY)]),
    ("Tickets", &[("CreateTicket", GATEWAY), ("RedeemTicket", &["vnc-proxy"])]),
    (
        "Ownership",
        &[("Settle", JOBS), ("Reserve", JOBS), ("Release", JOBS), ("ListReservations", JOBS)],
    ),
    ("Quotas", &[("ListQuotas", GATEWAY), ("SetQuota", GATEWAY)]),
    (
        "Owners",
        &[
            ("ListOwners", GATEWAY),
            ("SetOwners", GATEWAY),
            ("RestoreRights", GATEWAY),
            ("WatchOwners", &["cache-updater"]),
            ("TellPresence", &["cache-updater"]),
            ("TellClusters", &["cache-updater"]),
        ],
    ),
    ("Views", &[("ListViews", GATEWAY), ("SaveView", GATEWAY), ("DeleteView", GATEWAY)]),
    ("Audit", &[("ListRecords", GATEWAY), ("CompleteRecords", GATEWAY)]),
];

/// Those of one gRPC service.
pub(super) fn of(service: &str) -> &'static [(&'static str, Callers)] {
    CALLERS.iter().find(|(name, _)| *name == service).map_or(&[], |(_, rpcs)| rpcs)
}
