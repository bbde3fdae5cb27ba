//! Use cases, and what the RPCs share.

mod account;
mod bootstrap;
mod ending;
mod hub;
mod import;
mod intake;
mod invites;
mod login;
mod members;
mod oidc;
mod owner_feed;
mod owners;
mod passwords;
mod people;
mod personas;
mod policy;
mod presence;
mod provided;
mod quotas;
mod refusal;
mod reserve;
mod resolve;
mod second_factor;
mod settle;
mod signer;

pub(crate) use account::{change_password, end_other_sessions, end_session};
pub(crate) use bootstrap::{add_user, bootstrap_admin, generated_password, reset_admin};
pub(crate) use hub::Hub;
pub(crate) use import::import_users;
pub(crate) use intake::{NotTaken, take_in};
pub(crate) use invites::{create_invite, redeem_invite, withdraw_invite};
pub(crate) use login::{Login, LoginOutcome, LoginRequest, Place, logout};
pub(crate) use members::{group_object, member_act, of_user};
pub(crate) use oidc::Returned;
pub(crate) use owner_feed::{OwnerNews, follow_owners, owner_feed};
pub(crate) use owners::{Asked, Restore, restore, set_owners};
pub(crate) use passwords::Passwords;
pub(crate) use people::{ChangeUser, change_user, set_password};
pub(crate) use personas::{named, switch_persona, switched_to};
pub(crate) use policy::set_policy;
pub(crate) use presence::{News, purge_owners, purge_selectors, release, take_news};
pub(crate) use quotas::{Chosen, choose, counts};
pub(crate) use refusal::{On, person, refuse, require_admin, require_admin_of};
pub(crate) use reserve::{Over, Wanted, release as release_jobs, reserve, sum};
pub(crate) use resolve::{Credential, resolve};
pub(crate) use second_factor::{
    begin_second_factor, confirm_second_factor, finish_login, remove_second_factor,
    reset_second_factor,
};
pub(crate) use settle::{AskedBy, Ended, Outcome, settle};
pub(crate) use signer::{Person, SignerSlot, load_or_create};
