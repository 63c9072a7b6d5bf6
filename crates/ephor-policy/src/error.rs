//! Why a policy did not load: one error, always with the place and with what to do about it.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// A place in a policy text. Lines and columns count from one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The name the text was loaded under.
    pub file: String,
    /// Line, from one.
    pub line: u32,
    /// Column, from one.
    pub column: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// A policy, its data or its entry point cannot be used. Nothing was evaluated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// A policy file or its directory cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// What was read.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is no policy at all, and no policy means no decision.
    #[error("{place} holds no policy (0 files named *.rego, tests apart)")]
    NoPolicy {
        /// Where one was looked for.
        place: String,
    },
    /// Two policy texts have one name, so an error could not say which one it means.
    #[error("two policy texts are named {name}")]
    SameName {
        /// The name.
        name: String,
    },
    /// The text is not Rego, or its rules do not fit together.
    #[error("{place}: {message}")]
    Compile {
        /// Where.
        place: Place,
        /// What the compiler said.
        message: String,
    },
    /// The text is Rego that this engine does not run, because it could not be bounded or repeated.
    #[error("{place}: {message}")]
    Refused {
        /// Where.
        place: Place,
        /// What is refused, and what to do instead.
        message: String,
    },
    /// The path of the entry point is malformed, or no rule has it.
    #[error("entry point {path}: {message}")]
    EntryPoint {
        /// The path as given.
        path: String,
        /// What is wrong with it.
        message: String,
    },
    /// A data document cannot be merged.
    #[error("data {name}: {message}")]
    Data {
        /// The name the document was given under.
        name: String,
        /// What is wrong with it.
        message: String,
    },
}
