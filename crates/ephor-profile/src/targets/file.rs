//! Reads a file that nobody has vouched for: no more than it may have, and only text.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The most characters of a text that an error repeats.
const SHOWN_CHARS_MAX: usize = 48;

/// Why a file was not read.
#[derive(Debug)]
pub(crate) enum Unread {
    /// The operating system says so.
    Io(io::Error),
    /// It is larger than it may be.
    Size,
    /// It is not UTF-8, from this line on.
    NotUtf8 { line: usize },
}

/// Reads the text of a file of at most `bytes_max` bytes. A byte order mark is left out.
pub(crate) fn read(path: &Path, bytes_max: usize) -> Result<String, Unread> {
    let mut bytes = Vec::new();
    let limit = bytes_max as u64 + 1;
    let opened = File::open(path).map_err(Unread::Io)?;
    opened.take(limit).read_to_end(&mut bytes).map_err(Unread::Io)?;
    if bytes.len() > bytes_max {
        return Err(Unread::Size);
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        Unread::NotUtf8 { line: line(error.as_bytes(), valid) }
    })?;
    match text.strip_prefix('\u{feff}') {
        Some(rest) => Ok(rest.to_owned()),
        None => Ok(text),
    }
}

/// The line, from 1, that byte number `at` is in.
pub(crate) fn line(text: &[u8], at: usize) -> usize {
    1 + text.iter().take(at).filter(|byte| **byte == b'\n').count()
}

/// A text as an error repeats it: on one line, escaped, and not long.
pub(crate) fn quoted(text: &str) -> String {
    let cut: String = text.chars().take(SHOWN_CHARS_MAX).collect();
    let dots = if cut.len() < text.len() { "..." } else { "" };
    format!("`{}{dots}`", cut.escape_debug())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test may
mod tests {
    use super::*;

    #[test]
    fn a_line_is_counted_from_one() {
        assert_eq!([line(b"", 0), line(b"a\nb", 1), line(b"a\nb", 2), line(b"a\nb", 99)], [1, 1, 2, 2]);
    }

    #[test]
    fn what_is_repeated_is_short_and_on_one_line() {
        assert_eq!(quoted("a\nb\u{1b}[2J"), "`a\\nb\\u{1b}[2J`");
        assert_eq!(quoted(&"é".repeat(49)), format!("`{}...`", "é".repeat(48)));
    }

    #[test]
    fn a_file_is_read_up_to_its_limit() {
        let place = std::env::temp_dir().join(format!("ephor-profile-file-{}", std::process::id()));
        std::fs::write(&place, b"\xef\xbb\xbfab").unwrap();
        assert_eq!(read(&place, 5).unwrap(), "ab");
        assert!(matches!(read(&place, 4), Err(Unread::Size)));
        std::fs::write(&place, b"a\n\xff").unwrap();
        assert!(matches!(read(&place, 9), Err(Unread::NotUtf8 { line: 2 })));
        std::fs::remove_file(&place).unwrap();
        assert!(matches!(read(&place, 9), Err(Unread::Io(_))));
    }
}
