//! `GET /groups` and `GET /groups/{g}`: groups of people.

use askama::Template;

use super::form::FormErrors;
use super::held::Held;
use super::parts::When;
use super::quotas::QuotaCard;
use super::shell::Shell;
use super::ui;

/// A group in the list.
#[derive(Debug, Clone)]
pub struct GroupRow {
    /// Its name.
    pub name: String,
    /// What it is for; may be empty.
    pub description: String,
    /// How many belong to it.
    pub members: u32,
    /// The viewer chooses its members.
    pub administered: bool,
    /// Made.
    pub created: When,
}

/// `GET /groups`
#[derive(Debug, Template)]
#[template(path = "pages/groups.html")]
pub struct GroupsPage {
    /// Around the page.
    pub shell: Shell,
    /// By name.
    pub rows: Vec<GroupRow>,
    /// What was wrong with the form.
    pub errors: FormErrors,
    /// Name as typed.
    pub name: String,
    /// Description as typed.
    pub description: String,
}

/// One who belongs to the group.
#[derive(Debug, Clone)]
pub struct MemberRow {
    /// Login name.
    pub username: String,
    /// Chooses the group's members.
    pub is_admin: bool,
    /// It is the viewer.
    pub own: bool,
    /// Since when.
    pub added: When,
}

/// `GET /groups/{g}`
#[derive(Debug, Template)]
#[template(path = "pages/group.html")]
pub struct GroupPage {
    /// Around the page.
    pub shell: Shell,
    /// Its name.
    pub name: String,
    /// What it is for, as stored or as typed.
    pub description: String,
    /// Made.
    pub created: When,
    /// The viewer chooses its members.
    pub administered: bool,
    /// By name.
    pub members: Vec<MemberRow>,
    /// What its members may do by it.
    pub held: Held,
    /// What it may use, and uses.
    pub quotas: Vec<QuotaCard>,
    /// What was wrong with the form for a member.
    pub member_errors: FormErrors,
    /// User name as typed.
    pub username: String,
    /// Ticked: administers the group.
    pub member_is_admin: bool,
    /// What was wrong with the description.
    pub description_errors: FormErrors,
}

impl GroupPage {
    fn question(&self, member: &MemberRow) -> String {
        if member.own {
            format!("Leave {}? What you may do by it ends at once.", self.name)
        } else {
            format!(
                "Take {} out of {}? What came by the group ends at once.",
                member.username, self.name
            )
        }
    }
}
