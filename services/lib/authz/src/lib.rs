//! Authorisation, the same in every service.
//!
//! `auth` owns the rights and streams them (`Access.Watch`); [`Authz`] keeps them in memory and
//! answers from there. A person comes with each call as auth's signed assertion, which
//! [`Authz::principal`] verifies. The rules are in [`Rights`], which auth uses too.
//!
//! ```ignore
//! let authz = Authz::start(boot.peer("auth")?, AuthzConfig::default(), boot);
//! // in a handler:
//! let person = authz.principal(&request, Mode::Write)?;
//! authz.require(&person, Permission::Power, Object::Instance(cluster, uuid))?;
//! ```

mod assertion;
mod decided;
mod instance_set;
mod rights;
mod selected;
mod watch;

pub use assertion::{ActingAs, Keys, Principal, SignedAssertion, sign};
pub use decided::Decided;
pub use instance_set::InstanceSet;
pub use rights::{Holder, Rights, Scope, parse_object};
pub use selected::Selected;
pub use watch::{Authz, AuthzConfig, Mode};
