//! What can go wrong in this service, and what the caller sees of it.

use std::time::Duration;

use gwm_kernel::{ErrorCode, Fault};
use tonic::Status;

use crate::domain::Missing;

/// A result with this service's error.
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

/// A refusal or a failure.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Database(#[from] gwm_pg::Error),
    #[error(transparent)]
    Events(#[from] gwm_events::Error),
    /// A decision of the authorisation library.
    #[error(transparent)]
    Refused(#[from] Fault),
    #[error("{message}")]
    Invalid { field: &'static str, message: String },
    /// The same for a wrong password and an unknown or disabled user.
    #[error("user name or password is wrong")]
    LoginRefused,
    #[error(
        "user name or password is wrong, or they are known to a directory that does not answer just now; \
         try again"
    )]
    DirectorySilent,
    #[error(
        "{provider} knows you as {username}, but there is an account of this name here already, which \
         is not yours by what {provider} says; ask an administrator"
    )]
    NameTaken { username: String, provider: String },
    #[error("{provider} knows you as {username:?}, which can't be a name here: {rule}")]
    NameUnusable { username: String, provider: String, rule: String },
    #[error("your account here is disabled; ask an administrator")]
    AccountDisabled,
    #[error("{0} does not answer; try again")]
    ProviderSilent(String),
    #[error("{0} did not sign you in, or what it says of you does not hold; begin again")]
    ProviderRefused(String),
    /// The same for one that never was, was used, came late, was another browser's or another provider's.
    #[error("this sign-in is not valid any more, or began in another browser; begin again")]
    SignInOver,
    #[error("this needs a sign-in of the last ten minutes: sign out, and in again by {0}")]
    SignInAgain(String),
    #[error("this password is not kept here but by {0}; it is changed there")]
    NoPasswordHere(String),
    #[error("too many wrong passwords; try again later")]
    LoginThrottled { after: Duration },
    #[error("too many people are signing in at this moment; try again")]
    LoginBusy,
    #[error("not signed in, or the sign-in has ended")]
    NotSignedIn,
    /// The same for one that never was, one used before and one that came late.
    #[error("this console ticket is not valid: open the console again")]
    TicketInvalid,
    /// The same for a group that isn't there.
    #[error("you don't belong to {0}, so you can't act as it")]
    NotAMember(String),
    #[error(
        "this API token ends by itself or is limited, so nothing can be made with it that would outlast it; sign in for that"
    )]
    TokenTooShort,
    #[error(
        "this API token is bound to another persona, or its owner doesn't belong to that group any more"
    )]
    TokenPersona,
    #[error("this API token is for other networks; this request came from {0:?}")]
    TokenNetwork(String),
    #[error("this person may not open this console any more")]
    ConsoleLost,
    #[error("there is a user of this name already")]
    UserExists,
    #[error("there is a group of this name already")]
    GroupExists,
    #[error("this group owns {0} instances: give them to somebody else first")]
    GroupOwns(i64),
    #[error("there are {0} groups already; delete one first")]
    TooManyGroups(i64),
    #[error("there is a role of this name already")]
    RoleExists,
    #[error("this role comes with gwm and stays as it is; make a copy and change that")]
    RoleBuiltIn,
    #[error("{0} grants give this role: take them away first")]
    RoleInUse(i64),
    #[error("somebody else has changed this role meanwhile; look again")]
    RoleChanged,
    #[error("there are {0} roles already; delete one first")]
    TooManyRoles(i64),
    #[error(
        "{0} is the last administrator who is not disabled; make somebody else an administrator first"
    )]
    LastAdministrator(String),
    #[error("somebody else has changed this user meanwhile; look again")]
    UserChanged,
    #[error("your own password is changed on your account's page, with the one you have now")]
    OwnPassword,
    #[error("your own second factor is taken away on your account's page, with a code of it")]
    OwnSecondFactor,
    #[error("codes are asked for already; take the second factor away first")]
    SecondFactorOn,
    #[error("set up your own second factor first: you could not sign in any more")]
    SecondFactorFirst,
    #[error("a second factor is needed here; it can be made anew, but not done without")]
    SecondFactorNeeded,
    #[error("somebody else has changed this meanwhile; look again")]
    PolicyChanged,
    #[error("this code is wrong, or was used already")]
    CodeRefused,
    #[error("this sign-in took too long or had too many wrong codes; begin again")]
    ChallengeOver,
    #[error("this needs a sign-in in a browser; an API token can't do it")]
    SessionNeeded,
    /// The same for one that never was, was used, was withdrawn, came late, or whose maker is no
    /// administrator any more.
    #[error("this invite is not valid, or not any more; ask whoever sent it for a new one")]
    InviteInvalid,
    #[error("there are {0} open invites already; withdraw one first")]
    TooManyInvites(i64),
    /// The text names what is missing.
    #[error("{text}")]
    QuotaExceeded { text: String, missing: Vec<Missing> },
    #[error("somebody else has changed this quota meanwhile; look again")]
    QuotaChanged,
    #[error("there is no such {0}")]
    NotFound(&'static str),
    #[error("there are {0} API tokens already; revoke one first")]
    TooManyTokens(i64),
    #[error("this key is on this account already")]
    SshKeyExists,
    #[error("there are {0} SSH keys already; remove one first")]
    TooManySshKeys(i64),
    #[error("there are {0} saved views already; delete one first")]
    TooManyViews(i64),
    /// The signing key is not loaded yet, or changes can't be seen.
    #[error("sign-ins can't be checked just now; try again in a moment")]
    NotReady,
    #[error("{0}")]
    Internal(String),
}

impl Error {
    pub(crate) fn invalid(field: &'static str, message: impl Into<String>) -> Self {
        Self::Invalid { field, message: message.into() }
    }

    /// What kind of failure it is.
    pub(crate) fn code(&self) -> ErrorCode {
        match self {
            Self::Database(error) => match error.kind() {
                gwm_pg::Kind::Unavailable => ErrorCode::Unavailable,
                gwm_pg::Kind::Retry | gwm_pg::Kind::Conflict => ErrorCode::Conflict,
                gwm_pg::Kind::AlreadyExists => ErrorCode::AlreadyExists,
                gwm_pg::Kind::NotFound => ErrorCode::NotFound,
                gwm_pg::Kind::Internal => ErrorCode::Internal,
            },
            Self::Events(_) | Self::Internal(_) => ErrorCode::Internal,
            Self::Refused(fault) => fault.code,
            Self::Invalid { .. } => ErrorCode::InvalidArgument,
            Self::LoginRefused
            | Self::NotSignedIn
            | Self::TicketInvalid
            | Self::CodeRefused
            | Self::ChallengeOver
            | Self::AccountDisabled
            | Self::ProviderRefused(_)
            | Self::SignInOver
            | Self::InviteInvalid => ErrorCode::Unauthenticated,
            Self::LoginThrottled { .. }
            | Self::LoginBusy
            | Self::TooManyTokens(_)
            | Self::TooManyInvites(_)
            | Self::TooManyViews(_)
            | Self::TooManySshKeys(_)
            | Self::TooManyGroups(_)
            | Self::QuotaExceeded { .. }
            | Self::TooManyRoles(_) => ErrorCode::ResourceExhausted,
            Self::NotReady | Self::DirectorySilent | Self::ProviderSilent(_) => {
                ErrorCode::Unavailable
            }
            Self::GroupExists | Self::RoleExists | Self::SshKeyExists | Self::NameTaken { .. } => {
                ErrorCode::AlreadyExists
            }
            Self::LastAdministrator(_)
            | Self::GroupOwns(_)
            | Self::RoleBuiltIn
            | Self::RoleInUse(_)
            | Self::OwnPassword
            | Self::OwnSecondFactor
            | Self::NameUnusable { .. }
            | Self::NoPasswordHere(_)
            | Self::SignInAgain(_)
            | Self::SecondFactorFirst
            | Self::SecondFactorNeeded
            | Self::SecondFactorOn => ErrorCode::Conflict,
            Self::PolicyChanged | Self::UserChanged | Self::RoleChanged | Self::QuotaChanged => {
                ErrorCode::FailedPrecondition
            }
            Self::ConsoleLost
            | Self::SessionNeeded
            | Self::NotAMember(_)
            | Self::TokenPersona
            | Self::TokenTooShort
            | Self::TokenNetwork(_) => ErrorCode::PermissionDenied,
            Self::UserExists => ErrorCode::AlreadyExists,
            Self::NotFound(_) => ErrorCode::NotFound,
        }
    }

    /// Whether it says that somebody may not come in, and not that it can't be told.
    pub(crate) fn refuses_login(&self) -> bool {
        matches!(
            self,
            Self::LoginRefused
                | Self::DirectorySilent
                | Self::NameTaken { .. }
                | Self::NameUnusable { .. }
                | Self::AccountDisabled
                | Self::ProviderRefused(_)
                | Self::SignInOver
        )
    }

    /// The stable word for it.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::LoginRefused => "login_refused",
            Self::LoginThrottled { .. } => "login_throttled",
            Self::DirectorySilent => "directory_unavailable",
            Self::NameTaken { .. } => "name_taken",
            Self::AccountDisabled => "account_disabled",
            Self::ProviderSilent(_) => "provider_unavailable",
            Self::ProviderRefused(_) => "provider_refused",
            Self::SignInOver => "sign_in_over",
            Self::SignInAgain(_) => "sign_in_again",
            Self::NameUnusable { .. } => "name_unusable",
            Self::NoPasswordHere(_) => "password_elsewhere",
            Self::LoginBusy => "login_busy",
            Self::TicketInvalid => "ticket_invalid",
            Self::UserExists => "user_exists",
            Self::GroupExists => "group_exists",
            Self::GroupOwns(_) => "group_owns_instances",
            Self::TooManyGroups(_) => "too_many_groups",
            Self::RoleExists => "role_exists",
            Self::RoleBuiltIn => "role_built_in",
            Self::RoleInUse(_) => "role_in_use",
            Self::RoleChanged => "role_changed",
            Self::TooManyRoles(_) => "too_many_roles",
            Self::QuotaExceeded { .. } => "quota_exceeded",
            Self::QuotaChanged => "quota_changed",
            Self::TooManyTokens(_) => "too_many_tokens",
            Self::TooManyViews(_) => "too_many_views",
            Self::SshKeyExists => "ssh_key_exists",
            Self::TooManySshKeys(_) => "too_many_ssh_keys",
            Self::TooManyInvites(_) => "too_many_invites",
            Self::LastAdministrator(_) => "last_administrator",
            Self::UserChanged => "user_changed",
            Self::OwnPassword => "own_password",
            Self::SessionNeeded => "session_needed",
            Self::NotAMember(_) => "not_a_member",
            Self::TokenPersona => "token_persona",
            Self::TokenTooShort => "token_restricted",
            Self::TokenNetwork(_) => "token_network",
            Self::OwnSecondFactor => "own_second_factor",
            Self::SecondFactorOn => "second_factor_on",
            Self::SecondFactorFirst => "second_factor_first",
            Self::SecondFactorNeeded => "second_factor_needed",
            Self::PolicyChanged => "sign_in_changed",
            Self::CodeRefused => "code_refused",
            Self::ChallengeOver => "challenge_over",
            Self::InviteInvalid => "invite_invalid",
            Self::NotReady => "auth_unavailable",
            Self::NotSignedIn => "unauthenticated",
            Self::ConsoleLost => "permission_denied",
            Self::Invalid { .. } => "invalid_argument",
            Self::NotFound(_) => "not_found",
            Self::Database(_) | Self::Events(_) | Self::Refused(_) | Self::Internal(_) => {
                match self.code() {
                    ErrorCode::Unavailable => "unavailable",
                    ErrorCode::Conflict => "conflict",
                    ErrorCode::AlreadyExists => "already_exists",
                    ErrorCode::NotFound => "not_found",
                    ErrorCode::InvalidArgument
                    | ErrorCode::Unauthenticated
                    | ErrorCode::PermissionDenied
                    | ErrorCode::FailedPrecondition
                    | ErrorCode::ResourceExhausted
                    | ErrorCode::Timeout
                    | ErrorCode::Internal => "internal",
                }
            }
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let (code, reason) = (error.code(), error.reason());
        if let Error::Refused(fault) = error {
            return fault;
        }
        if code == ErrorCode::Internal {
            return Self::internal(chain(&error));
        }
        if let Error::Database(database) = &error {
            tracing::warn!(error = chain(database), "database");
            let text = if code == ErrorCode::Unavailable {
                "auth's database does not answer; what is stored is safe, try again"
            } else {
                "somebody else changed this at the same time; try again"
            };
            return Self::new(code, reason, text);
        }
        let mut fault = Self::new(code, reason, error.to_string());
        match error {
            Error::Invalid { field, .. } => fault.field = Some(field.to_owned()),
            Error::QuotaExceeded { missing, .. } => {
                fault.details = serde_json::to_string(&missing).ok().map(Into::into);
            }
            Error::LoginThrottled { after } => fault.retry_after = Some(after),
            Error::DirectorySilent | Error::ProviderSilent(_) => {
                fault.retry_after = Some(Duration::from_secs(5));
            }
            Error::LoginBusy | Error::NotReady => fault.retry_after = Some(Duration::from_secs(1)),
            Error::Database(_)
            | Error::Events(_)
            | Error::Refused(_)
            | Error::LoginRefused
            | Error::NotSignedIn
            | Error::TicketInvalid
            | Error::ConsoleLost
            | Error::UserExists
            | Error::NotFound(_)
            | Error::GroupExists
            | Error::GroupOwns(_)
            | Error::TooManyGroups(_)
            | Error::RoleExists
            | Error::RoleBuiltIn
            | Error::RoleInUse(_)
            | Error::RoleChanged
            | Error::QuotaChanged
            | Error::TooManyRoles(_)
            | Error::TooManyTokens(_)
            | Error::TooManyViews(_)
            | Error::SshKeyExists
            | Error::TooManySshKeys(_)
            | Error::LastAdministrator(_)
            | Error::UserChanged
            | Error::OwnPassword
            | Error::SessionNeeded
            | Error::NotAMember(_)
            | Error::TokenPersona
            | Error::TokenTooShort
            | Error::TokenNetwork(_)
            | Error::OwnSecondFactor
            | Error::SecondFactorOn
            | Error::NameTaken { .. }
            | Error::AccountDisabled
            | Error::ProviderRefused(_)
            | Error::SignInOver
            | Error::SignInAgain(_)
            | Error::NameUnusable { .. }
            | Error::NoPasswordHere(_)
            | Error::SecondFactorFirst
            | Error::SecondFactorNeeded
            | Error::PolicyChanged
            | Error::CodeRefused
            | Error::ChallengeOver
            | Error::InviteInvalid
            | Error::TooManyInvites(_)
            | Error::Internal(_) => {}
        }
        fault
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        Fault::from(error).into()
    }
}

/// The failure with what caused it, for the log.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}
