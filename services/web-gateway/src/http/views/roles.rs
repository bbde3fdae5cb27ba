//! `GET /roles` and the form of a role.

use askama::Template;

use super::form::FormErrors;
use super::shell::Shell;
use super::ui;

/// A role in the list.
#[derive(Debug, Clone)]
pub struct RoleRow {
    /// Its name.
    pub name: String,
    /// What it is for; may be empty.
    pub description: String,
    /// As chosen.
    pub permissions: Vec<String>,
    /// What these bring along.
    pub brings: Vec<String>,
    /// Comes with gwm.
    pub builtin: bool,
    /// How many grants give it.
    pub grants: u32,
}

/// `GET /roles`
#[derive(Debug, Template)]
#[template(path = "pages/roles.html")]
pub struct RolesPage {
    /// Around the page.
    pub shell: Shell,
    /// Those that were made here, by name.
    pub own: Vec<RoleRow>,
    /// Those that come with gwm.
    pub builtin: Vec<RoleRow>,
}

/// A permission to be ticked.
#[derive(Debug, Clone)]
pub struct PermissionBox {
    /// The word.
    pub word: &'static str,
    /// What it allows, and what it brings along.
    pub allows: &'static str,
    /// Ticked.
    pub ticked: bool,
    /// It can be held on a single instance.
    pub on_instance: bool,
}

/// `GET /roles/new`, `GET /roles/{r}`
#[derive(Debug, Template)]
#[template(path = "pages/role.html")]
pub struct RolePage {
    /// Around the page.
    pub shell: Shell,
    /// Its name, as stored or as typed.
    pub name: String,
    /// It is there already; else it is to be made.
    pub stored: bool,
    /// What it is for.
    pub description: String,
    /// All there are.
    pub boxes: Vec<PermissionBox>,
    /// It can be changed by the viewer.
    pub may_edit: bool,
    /// Comes with gwm.
    pub builtin: bool,
    /// How many grants give it.
    pub grants: u32,
    /// What forms send back, so that nobody's change is overwritten.
    pub revision: i64,
    /// What was wrong with the form.
    pub errors: FormErrors,
}

impl RolePage {
    fn question(&self) -> String {
        format!("Delete the role {}?", self.name)
    }
}
