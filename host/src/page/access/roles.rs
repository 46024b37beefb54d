//! Roles, and the pictures that each may see.

use std::str::FromStr;

/// Kind of a stored picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The picture as it was uploaded; it may carry the name.
    Source,
    /// The labeled picture, which carries the name like its source.
    Processed,
    /// The covered copy for research.
    Anonymized,
    /// The covered copy that may still contain text.
    Quarantined,
}

impl Kind {
    /// All kinds in the order in which a page shows them.
    pub const ALL: [Self; 4] = [
        Self::Source,
        Self::Processed,
        Self::Anonymized,
        Self::Quarantined,
    ];

    /// Returns the word in addresses.
    pub fn word(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Processed => "labeled",
            Self::Anonymized => "covered",
            Self::Quarantined => "quarantined",
        }
    }
}

impl FromStr for Kind {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.word() == word)
            .ok_or(())
    }
}

/// A single role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Everybody who may sign in.
    Viewer,
    /// A person who decides about copies in quarantine.
    Reviewer,
    /// A person who treats the patients.
    Clinician,
}

impl Role {
    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Reviewer => "reviewer",
            Self::Clinician => "clinician",
        }
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "viewer" => Ok(Self::Viewer),
            "reviewer" => Ok(Self::Reviewer),
            "clinician" => Ok(Self::Clinician),
            _ => Err("a role is viewer, reviewer or clinician".to_owned()),
        }
    }
}

/// Roles of a person. Everybody is a viewer, who sees numbers and covered copies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Roles {
    /// Sees copies in quarantine.
    pub reviewer: bool,
    /// Sees sources and labeled pictures.
    pub clinician: bool,
}

impl Roles {
    /// All roles.
    pub const ALL: Self = Self {
        reviewer: true,
        clinician: true,
    };

    /// Reports whether a role is among these.
    pub fn has(self, role: Role) -> bool {
        match role {
            Role::Viewer => true,
            Role::Reviewer => self.reviewer,
            Role::Clinician => self.clinician,
        }
    }

    /// Reports whether pictures of this kind may be shown.
    pub fn may_see(self, kind: Kind) -> bool {
        match kind {
            Kind::Source | Kind::Processed => self.clinician,
            Kind::Quarantined => self.reviewer,
            Kind::Anonymized => true,
        }
    }

    /// Returns the names of the roles.
    pub fn names(self) -> Vec<&'static str> {
        let named = [(self.reviewer, "reviewer"), (self.clinician, "clinician")];
        let names = named.iter().filter(|(has, _)| *has).map(|(_, name)| *name);
        let names: Vec<_> = names.collect();
        if names.is_empty() {
            vec!["viewer"]
        } else {
            names
        }
    }
}

impl FromStr for Roles {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut roles = Self::default();
        for word in text.split(',') {
            match word.parse()? {
                Role::Viewer => {}
                Role::Reviewer => roles.reviewer = true,
                Role::Clinician => roles.clinician = true,
            }
        }
        Ok(roles)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_decide_which_pictures_are_shown() {
        let seen = |roles: &str| {
            let roles: Roles = roles.parse().unwrap();
            let kinds = Kind::ALL.into_iter().filter(|kind| roles.may_see(*kind));
            kinds.map(Kind::word).collect::<Vec<_>>().join(" ")
        };
        for (roles, kinds) in [
            ("viewer", "covered"),
            ("reviewer", "covered quarantined"),
            ("clinician", "source labeled covered"),
            ("reviewer,clinician", "source labeled covered quarantined"),
        ] {
            assert_eq!(seen(roles), kinds, "{roles}");
        }
        assert!("".parse::<Roles>().is_err() && "admin".parse::<Roles>().is_err());
    }
}
