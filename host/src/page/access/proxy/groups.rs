//! From groups to roles.

use crate::page::access::roles::{Role, Roles};

/// Roles of groups: a person has those of all groups together.
#[derive(Debug, Clone)]
pub struct Groups(Vec<(String, Roles)>);

impl Groups {
    /// Maps each of these groups to its roles.
    pub fn new(groups: Vec<(String, Roles)>) -> Self {
        Self(groups)
    }

    /// Reports whether a group has this role.
    pub fn grant(&self, role: Role) -> bool {
        self.0.iter().any(|(_, roles)| roles.has(role))
    }

    /// Returns the roles of a person in these groups; `None` if there is no role for any.
    pub fn roles(&self, groups: &[String]) -> Option<Roles> {
        let own = self.0.iter().filter(|(group, _)| groups.contains(group));
        own.map(|(_, roles)| *roles).reduce(|all, more| Roles {
            reviewer: all.reviewer || more.reviewer,
            clinician: all.clinician || more.clinician,
        })
    }
}

/// Parses `GROUP=ROLES`; the group's name may hold a `=` itself.
///
/// # Errors
/// When it is not of that form.
pub fn parse(text: &str) -> Result<(String, Roles), String> {
    let pair = text.rsplit_once('=').filter(|(group, _)| !group.is_empty());
    let (group, roles) = pair.ok_or("expected GROUP=ROLES")?;
    Ok((group.to_owned(), roles.parse()?))
}
