//! Use cases, and what the RPCs share.

mod bootstrap;
mod hub;
mod intake;
mod login;
mod owner_feed;
mod owners;
mod presence;
mod refusal;
mod resolve;
mod settle;
mod signer;

pub(crate) use bootstrap::{add_user, bootstrap_admin, generated_password, reset_admin};
pub(crate) use hub::Hub;
pub(crate) use intake::{NotTaken, take_in};
pub(crate) use login::{Login, LoginRequest, Passwords, logout};
pub(crate) use owner_feed::{OwnerNews, follow_owners, owner_feed};
pub(crate) use owners::{Asked, Restore, restore, set_owners};
pub(crate) use presence::{News, purge_owners, release, take_news};
pub(crate) use refusal::{person, refuse, require_admin, require_admin_of};
pub(crate) use resolve::{Credential, resolve};
pub(crate) use settle::{Outcome, settle};
pub(crate) use signer::{Person, SignerSlot, load_or_create};
