//! Typed access to a TOML text in which everything knows its line and its key.
//!
//! [`Value`] and [`Table`] are views: they carry the path of keys that led to them, so that an error can
//! name the place. What an error repeats from the text is escaped and cut short.

use std::fmt::Display;
use std::ops::RangeInclusive;

use toml::de::{DeArray, DeTable, DeValue};

use super::CharterError;

/// The most characters of a text that an error repeats.
const SHOWN_CHARS_MAX: usize = 32;
/// The most bytes of a name of a role, kind or action.
const NAME_BYTES_MAX: usize = 64;
/// The most dots of a text, wherever they stand. Each may open a table inside the one before it, the
/// parser frees nested tables recursively, and a text from outside must not overflow the stack.
const DOTS_MAX: usize = 1_000;

/// The text being read.
pub(super) struct Document<'a> {
    pub(super) file: &'a str,
    pub(super) text: &'a str,
}

impl<'a> Document<'a> {
    /// Parses the text and hands its tables to `read`.
    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(&Table<'_>) -> Result<T, CharterError>,
    ) -> Result<T, CharterError> {
        if let Some((start, _)) = self.text.match_indices('.').nth(DOTS_MAX) {
            return Err(self.syntax(start, format!("is one dot more than the {DOTS_MAX} of a charter")));
        }
        let root = DeTable::parse(self.text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            self.syntax(start, error.message().replace('\n', ", "))
        })?;
        read(&Table { document: self, path: String::new(), start: 0, entries: root.get_ref() })
    }

    fn syntax(&self, start: usize, problem: String) -> CharterError {
        CharterError::Syntax { file: self.file.into(), line: line(self.text.as_bytes(), start), problem }
    }

    fn value(&self, start: usize, key: &str, problem: String) -> CharterError {
        let line = line(self.text.as_bytes(), start);
        CharterError::Value { file: self.file.into(), line, key: key.into(), problem }
    }
}

/// The line, from 1, that byte number `at` is in.
pub(super) fn line(text: &[u8], at: usize) -> usize {
    1 + text.iter().take(at).filter(|byte| **byte == b'\n').count()
}

/// A text as an error repeats it: quoted, escaped, and no longer than `chars_max` characters.
pub(super) fn quoted(text: &str, chars_max: usize) -> String {
    let mut cut: String = text.chars().take(chars_max).collect();
    let dots = if cut.len() < text.len() { "..." } else { "" };
    cut.push_str(dots);
    format!("{cut:?}")
}

/// A table and the place of it.
pub(super) struct Table<'a> {
    document: &'a Document<'a>,
    path: String,
    start: usize,
    entries: &'a DeTable<'a>,
}

impl<'a> Table<'a> {
    /// Refuses every key that is not among `keys`.
    pub(super) fn only(&self, keys: &[&str]) -> Result<(), CharterError> {
        for (key, entry) in self.named() {
            if !keys.contains(&key) {
                return Err(entry.at_key(format!("is not a known key: one of {}", keys.join(", "))));
            }
        }
        Ok(())
    }

    /// The value at `key`, if there is one.
    pub(super) fn optional(&self, key: &str) -> Option<Value<'a>> {
        self.named().find(|(name, _)| *name == key).map(|(_, value)| value)
    }

    /// The value at `key`.
    pub(super) fn required(&self, key: &str) -> Result<Value<'a>, CharterError> {
        self.optional(key).ok_or_else(|| {
            let path = joined(&self.path, key);
            self.document.value(self.start, &path, "is missing".into())
        })
    }

    /// All keys with their values, in no order that matters.
    pub(super) fn named(&self) -> impl Iterator<Item = (&'a str, Value<'a>)> {
        self.entries.iter().map(|(key, value)| {
            let name: &'a str = key.get_ref();
            let path = joined(&self.path, name);
            let key_start = key.span().start;
            let start = if value.get_ref().is_table() { key_start } else { value.span().start };
            (name, Value { document: self.document, path, start, key_start, value: value.get_ref() })
        })
    }

    /// An error about the table as a whole.
    pub(super) fn error(&self, problem: impl Display) -> CharterError {
        self.document.value(self.start, &self.path, problem.to_string())
    }
}

/// A value and the place of it.
pub(super) struct Value<'a> {
    document: &'a Document<'a>,
    path: String,
    start: usize,
    key_start: usize,
    value: &'a DeValue<'a>,
}

impl<'a> Value<'a> {
    /// A string that is not empty.
    pub(super) fn text(&self) -> Result<&'a str, CharterError> {
        let text = self.value.as_str().ok_or_else(|| self.mistyped("a string"))?;
        if text.is_empty() { Err(self.error("must not be empty")) } else { Ok(text) }
    }

    /// A string that can be the name of a role, kind or action.
    pub(super) fn name(&self) -> Result<&'a str, CharterError> {
        let text = self.text()?;
        self.checked_name(text)?;
        Ok(text)
    }

    /// Refuses this value's key, `name`, unless it can be the name of a role, kind or action.
    pub(super) fn checked_name(&self, name: &str) -> Result<(), CharterError> {
        if is_name(name) {
            return Ok(());
        }
        Err(self.at_key(format!(
            "{} is not a name: 1 to {NAME_BYTES_MAX} letters, digits, `-` or `_`",
            quoted(name, SHOWN_CHARS_MAX)
        )))
    }

    /// A whole number within `allowed`.
    pub(super) fn integer(&self, allowed: RangeInclusive<u64>) -> Result<u64, CharterError> {
        let integer = self.value.as_integer().ok_or_else(|| self.mistyped("an integer"))?;
        u64::from_str_radix(integer.as_str(), integer.radix())
            .ok()
            .filter(|number| allowed.contains(number))
            .ok_or_else(|| {
                let shown: String = integer.to_string().chars().take(SHOWN_CHARS_MAX).collect();
                self.error(format!("{shown} is not allowed: {} to {}", allowed.start(), allowed.end()))
            })
    }

    /// A number, whole or not.
    pub(super) fn number(&self) -> Result<f64, CharterError> {
        let text = match self.value {
            DeValue::Integer(integer) if integer.radix() == 10 => integer.as_str(),
            DeValue::Float(float) => float.as_str(),
            _ => return Err(self.mistyped("a decimal number")),
        };
        text.parse().map_err(|_| self.mistyped("a decimal number"))
    }

    /// `true` or `false`.
    pub(super) fn boolean(&self) -> Result<bool, CharterError> {
        self.value.as_bool().ok_or_else(|| self.mistyped("true or false"))
    }

    /// The elements of an array.
    pub(super) fn list(&self) -> Result<Vec<Value<'a>>, CharterError> {
        let array: &'a DeArray<'a> = self.value.as_array().ok_or_else(|| self.mistyped("an array"))?;
        let elements = array.iter().enumerate().map(|(index, element)| Value {
            document: self.document,
            path: format!("{}[{index}]", self.path),
            start: element.span().start,
            key_start: element.span().start,
            value: element.get_ref(),
        });
        Ok(elements.collect())
    }

    /// A table.
    pub(super) fn table(&self) -> Result<Table<'a>, CharterError> {
        let entries = self.value.as_table().ok_or_else(|| self.mistyped("a table"))?;
        Ok(Table { document: self.document, path: self.path.clone(), start: self.start, entries })
    }

    /// An error about the value.
    pub(super) fn error(&self, problem: impl Display) -> CharterError {
        self.document.value(self.start, &self.path, problem.to_string())
    }

    /// An error that says that `text`, the value, is not allowed, and what is.
    pub(super) fn refused(&self, text: &str, problem: impl Display) -> CharterError {
        self.error(format!("{} {problem}", quoted(text, SHOWN_CHARS_MAX)))
    }

    fn at_key(&self, problem: String) -> CharterError {
        self.document.value(self.key_start, &self.path, problem)
    }

    fn mistyped(&self, expected: &str) -> CharterError {
        self.error(format!("must be {expected}, not {}", kind_of(self.value)))
    }
}

fn is_name(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_part)
}

/// The path of `key` in the table at `path`.
fn joined(path: &str, key: &str) -> String {
    let shown = if is_name(key) { key.to_owned() } else { quoted(key, SHOWN_CHARS_MAX) };
    if path.is_empty() { shown } else { format!("{path}.{shown}") }
}

fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}
