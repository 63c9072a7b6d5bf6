//! The charter: what a constitution's file says, read and checked.
//!
//! A charter has a name, articles in plain words, roles, message kinds with the action that each one is,
//! grants (which role may take which action towards which role), tenants, an impact threshold and limits.
//! What it does not grant is denied. `docs/constitution.md` describes the file.
//!
//! Reading goes in two steps: `reader` gives typed access to the file with the place of everything in it,
//! `parse` walks the sections. A file that says anything unknown is refused: a misspelt key in a
//! constitution would otherwise be a rule that silently does not hold.

mod error;
mod parse;
mod reader;
mod stamp;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use ephor_core::{Impact, Kind, Stamp, Tenant};

pub use self::error::CharterError;

/// The most roles of a charter.
pub const ROLE_LIMIT: usize = 32;
/// The most actions of a charter.
pub const ACTION_LIMIT: usize = 32;
/// The most tenants of a charter.
pub const TENANT_LIMIT: usize = 255;
/// The largest charter file, in bytes.
pub const CHARTER_BYTES_MAX: usize = 256 * 1024;

/// One sentence of the constitution in plain words, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Article {
    /// Its name, by which reports refer to it.
    pub id: String,
    /// What it says.
    pub text: String,
}

/// A constitution as its file states it.
#[derive(Clone, Debug)]
pub struct Charter {
    pub(crate) name: String,
    pub(crate) stamp: Stamp,
    pub(crate) articles: Vec<Article>,
    /// Sorted by name; grants refer to the position.
    pub(crate) roles: Vec<Role>,
    pub(crate) default_role: Option<String>,
    /// Sorted; terms and grants refer to the position.
    pub(crate) actions: Vec<String>,
    /// By number.
    pub(crate) kinds: BTreeMap<u8, NamedKind>,
    pub(crate) kinds_default: Option<Terms>,
    /// Bits of the actions that the first role may take towards the second.
    pub(crate) grants: BTreeMap<(usize, usize), u32>,
    pub(crate) is_isolated: bool,
    /// In the file's order, which gives the class numbers.
    pub(crate) tenants: Vec<String>,
    pub(crate) threshold: Impact,
    pub(crate) skew_ns: u64,
    pub(crate) grace_ns: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Role {
    pub(crate) name: String,
    pub(crate) reach: Reach,
}

/// Which tenants the agents of a role deal with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    Own,
    All,
}

#[derive(Clone, Debug)]
pub(crate) struct NamedKind {
    pub(crate) name: String,
    pub(crate) terms: Terms,
}

/// What a charter says about a kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) action: usize,
    pub(crate) lifetime_ns: Option<u64>,
}

impl Charter {
    /// Reads a charter from its text. `file` is the name that errors give to it.
    ///
    /// # Errors
    /// The first thing in the text that is not as it must be, with its line; see [`CharterError`].
    pub fn parse(text: &str, file: &str) -> Result<Charter, CharterError> {
        if text.len() > CHARTER_BYTES_MAX {
            return Err(CharterError::Size { file: file.into() });
        }
        parse::parse(text, file)
    }

    /// Reads a charter from a file.
    ///
    /// # Errors
    /// As [`Charter::parse`], or that the file cannot be read or is not UTF-8.
    pub fn load(path: &Path) -> Result<Charter, CharterError> {
        let file = path.display().to_string();
        let mut bytes = Vec::new();
        let limit = CHARTER_BYTES_MAX as u64 + 1;
        let read = File::open(path).and_then(|opened| opened.take(limit).read_to_end(&mut bytes));
        if let Err(error) = read {
            return Err(CharterError::Read { file, error });
        }
        match std::str::from_utf8(&bytes) {
            Ok(text) => Self::parse(text, &file),
            Err(_) if bytes.len() > CHARTER_BYTES_MAX => Err(CharterError::Size { file }),
            Err(error) => Err(CharterError::Syntax {
                file,
                line: reader::line(&bytes, error.valid_up_to()),
                problem: "is not UTF-8".into(),
            }),
        }
    }

    /// The charter's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The charter's identity, declared by it or computed from what it says.
    pub fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// The articles, in the file's order.
    pub fn articles(&self) -> &[Article] {
        &self.articles
    }

    /// The names of the roles, sorted.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        self.roles.iter().map(|role| role.name.as_str())
    }

    /// The role of an agent that was not given one.
    pub fn default_role(&self) -> Option<&str> {
        self.default_role.as_deref()
    }

    /// The name of a kind; `None` when the charter does not list it.
    pub fn kind_name(&self, kind: Kind) -> Option<&str> {
        self.kinds.get(&kind.0).map(|kind| kind.name.as_str())
    }

    /// The names of the tenants, in the order of their class numbers, which begin at 1.
    pub fn tenants(&self) -> impl Iterator<Item = &str> {
        self.tenants.iter().map(String::as_str)
    }

    /// The class of a tenant. Blanks around the name and upper case make no difference.
    pub fn tenant(&self, name: &str) -> Option<Tenant> {
        let name = name.trim();
        let index = self.tenants.iter().position(|tenant| tenant.eq_ignore_ascii_case(name))?;
        Some(Tenant(index as u8 + 1))
    }

    /// For how long messages of the former constitution pass after this one has replaced it.
    pub fn grace_ns(&self) -> u64 {
        self.grace_ns
    }

    /// What the charter says about a kind: its own terms, else those of every unlisted kind.
    pub(crate) fn terms(&self, kind: Kind) -> Option<Terms> {
        self.kinds.get(&kind.0).map(|kind| kind.terms).or(self.kinds_default)
    }
}

impl Default for Charter {
    /// The charter that comes with Ephor: agents may message each other, and Ephor's overseers may do
    /// what they are there for.
    fn default() -> Self {
        Self::parse(include_str!("default.toml"), "default.toml")
            .expect("the built-in charter is part of the crate and tested")
    }
}

/// The names in a row, for an error that says what is allowed.
pub(crate) fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    if names.is_empty() { "none are declared".into() } else { names.join(", ") }
}
