//! The texts of a policy: named Rego files, tests kept apart.
//!
//! A source is sorted by name, so that it does not matter in which order a directory lists its files, and
//! its [`Revision`] covers each name and text of the policy with their lengths. Tests are not part of the
//! revision: editing one does not change a decision.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::LoadError;
use crate::revision::{Revision, Revisor};

/// How the name of a file of tests ends.
const TEST_SUFFIX: &str = "_test.rego";

/// One Rego file.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    pub(crate) name: String,
    pub(crate) rego: String,
}

/// Named Rego texts, sorted by name; those named `*_test.rego` are tests.
#[derive(Clone, Debug)]
pub struct PolicySource {
    policies: Vec<Text>,
    tests: Vec<Text>,
}

impl PolicySource {
    /// Reads every `*.rego` file of `dir`, not of its subdirectories. Texts are named by their file
    /// names, so the revision is the same wherever the directory lies.
    ///
    /// # Errors
    /// [`LoadError::Read`] with the path at fault; [`LoadError::NoPolicy`] when only tests, or nothing,
    /// was found.
    pub fn load_dir(dir: &Path) -> Result<Self, LoadError> {
        let mut texts = Vec::new();
        for entry in fs::read_dir(dir).map_err(|source| unreadable(dir, source))? {
            let path = entry.map_err(|source| unreadable(dir, source))?.path();
            if path.extension().is_some_and(|extension| extension == "rego") {
                let rego = fs::read_to_string(&path).map_err(|source| unreadable(&path, source))?;
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                texts.push(Text { name, rego });
            }
        }
        Self::sorted(texts, dir.display().to_string())
    }

    /// Takes texts that are already in memory, as `(name, text)`.
    ///
    /// # Errors
    /// [`LoadError::NoPolicy`] when all are tests or there are none; [`LoadError::SameName`].
    pub fn from_texts(texts: &[(&str, &str)]) -> Result<Self, LoadError> {
        let own = |&(name, rego): &(&str, &str)| Text { name: name.to_owned(), rego: rego.to_owned() };
        Self::sorted(texts.iter().map(own).collect(), "the list of texts".to_owned())
    }

    /// The identity of the policy texts.
    pub fn revision(&self) -> Revision {
        let mut revisor = Revisor::new("policy");
        for text in &self.policies {
            revisor.field(text.name.as_bytes());
            revisor.field(text.rego.as_bytes());
        }
        revisor.revision()
    }

    pub(crate) fn policies(&self) -> &[Text] {
        &self.policies
    }

    pub(crate) fn tests(&self) -> &[Text] {
        &self.tests
    }

    fn sorted(mut texts: Vec<Text>, place: String) -> Result<Self, LoadError> {
        texts.sort_by(|a, b| a.name.cmp(&b.name));
        if let Some(pair) = texts.windows(2).find(|pair| pair[0].name == pair[1].name) {
            return Err(LoadError::SameName { name: pair[0].name.clone() });
        }
        let (tests, policies) = texts.into_iter().partition::<Vec<_>, _>(|t| t.name.ends_with(TEST_SUFFIX));
        if policies.is_empty() {
            return Err(LoadError::NoPolicy { place });
        }
        Ok(Self { policies, tests })
    }
}

fn unreadable(path: &Path, source: std::io::Error) -> LoadError {
    LoadError::Read { path: PathBuf::from(path), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_does_not_change_the_revision_and_tests_are_no_part_of_it() {
        let one = PolicySource::from_texts(&[("a.rego", "package a"), ("b.rego", "package b")]).unwrap();
        let other = [("b.rego", "package b"), ("a_test.rego", "package t"), ("a.rego", "package a")];
        assert_eq!(one.revision(), PolicySource::from_texts(&other).unwrap().revision());
    }

    #[test]
    fn a_byte_that_moves_from_name_to_text_changes_the_revision() {
        let one = PolicySource::from_texts(&[("ab", "c")]).unwrap();
        let other = PolicySource::from_texts(&[("a", "bc")]).unwrap();
        assert_ne!(one.revision(), other.revision());
    }

    #[test]
    fn tests_alone_are_no_policy() {
        let error = PolicySource::from_texts(&[("a_test.rego", "package a")]).unwrap_err();
        assert!(matches!(error, LoadError::NoPolicy { .. }), "{error}");
    }

    #[test]
    fn one_name_for_two_texts_is_refused() {
        let error = PolicySource::from_texts(&[("a", "package a"), ("a", "package b")]).unwrap_err();
        assert_eq!(error.to_string(), "two policy texts are named a");
    }
}
