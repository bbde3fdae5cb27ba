//! Rules and types without any I/O.

mod directory;
mod imported;
mod needed;
mod object;
mod owner;
mod password;
mod people_file;
mod persona;
mod quota;
mod role;
mod seal;
mod secret;
mod ssh_key;
mod token;
mod totp;

pub(crate) use directory::{Answer, Identified, directory_login};
pub(crate) use imported::{ImportedWork, MOST_ITERATIONS};
pub(crate) use needed::Needed;
pub(crate) use object::{object_ref, parse_object, parse_object_or_fleet};
pub(crate) use owner::{Before, Key, Known, Line, OWNERS_ROLE, Plan, names, plan, roles};
pub(crate) use password::{LONGEST as LONGEST_PASSWORD, PasswordHasher, Verdict, check_strength};
pub(crate) use people_file::{PersonLine, read_people};
pub(crate) use persona::PersonaName;
pub(crate) use quota::{
    ALL, Amounts, Choice, Choices, Limits, Missing, Resource, exceeded, in_force, limits, sentence,
};
pub(crate) use role::{fits, permissions};
pub(crate) use seal::MasterKey;
pub(crate) use secret::{PAT_PREFIX, Secret};
pub(crate) use ssh_key::{ParsedKey, parse_ssh_key};
pub(crate) use token::{TokenScope, parse_networks, within};
pub(crate) use totp::{Code, new_secret, recovery_codes, shown, step_of};
