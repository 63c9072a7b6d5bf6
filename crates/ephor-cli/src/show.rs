//! How a value that is wrong appears in an error: quoted, on one line, cut when it is long.
//!
//! What is shown comes from a file that nobody has vouched for, so control characters are escaped: an error
//! never moves the cursor of the terminal that prints it.

use std::fmt;

use serde_json::Value;

/// The most characters of a value that an error repeats.
const SHOWN_CHARS_MAX: usize = 60;

/// Text as an error shows it: in backticks, escaped, cut after [`SHOWN_CHARS_MAX`] characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shown(String);

impl Shown {
    /// Shows `text`.
    pub(crate) fn text(text: &str) -> Self {
        let mut shown = String::new();
        for (index, character) in text.chars().enumerate() {
            if index == SHOWN_CHARS_MAX {
                shown.push_str("...");
                break;
            }
            if character.is_control() {
                shown.extend(character.escape_default());
            } else {
                shown.push(character);
            }
        }
        Self(shown)
    }

    /// Shows `value` as JSON.
    pub(crate) fn json(value: &Value) -> Self {
        Self::text(&value.to_string())
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}`", self.0)
    }
}

/// What went wrong in JSON text, without the place, which serde_json writes into its message.
pub(crate) fn json_reason(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    message.strip_suffix(&place).unwrap_or(&message).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_value_is_cut() {
        let shown = Shown::text(&"x".repeat(1_000)).to_string();
        assert_eq!(shown, format!("`{}...`", "x".repeat(SHOWN_CHARS_MAX)));
        assert_eq!(Shown::text(&"é".repeat(60)).to_string(), format!("`{}`", "é".repeat(60)));
    }

    #[test]
    fn a_control_character_is_escaped() {
        assert_eq!(Shown::text("a\u{1b}[2J\n").to_string(), "`a\\u{1b}[2J\\n`");
    }

    #[test]
    fn the_place_is_left_out_of_a_json_reason() {
        let error = serde_json::from_str::<Value>("{\"a\" 1}").unwrap_err();
        assert_eq!(json_reason(&error), "expected `:`");
    }
}
