//! Reads text one line at a time, in memory that does not grow with the text.
//!
//! A line is valid UTF-8 of at most [`LINE_BYTES_MAX`] bytes and ends with `\n`, `\r\n` or the end of the
//! text. A byte order mark at the start is skipped, and so are blank lines, which still count: numbers are
//! those an editor shows. A longer line is refused as soon as that is known; its rest is not read.

use std::io::{self, BufRead, Read};

/// The longest line, in bytes without its end.
pub(crate) const LINE_BYTES_MAX: usize = 64 * 1024;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Why a line could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LineError {
    /// The text cannot be read any further.
    #[error("cannot be read: {0}")]
    Read(#[from] io::Error),
    /// The line is longer than the limit.
    #[error("the line is longer than {LINE_BYTES_MAX} bytes, the most a line may have")]
    TooLong,
    /// The line is not UTF-8.
    #[error("not UTF-8: byte 0x{byte:02x} at column {column}; save the file as UTF-8")]
    NotUtf8 {
        /// The first byte that is no part of a character.
        byte: u8,
        /// Its place in the line, in bytes from 1.
        column: usize,
    },
}

/// The lines of a text, one after another in one reused buffer.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    reader: R,
    buffer: Vec<u8>,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    /// The lines of what `reader` reads.
    pub(crate) fn new(reader: R) -> Self {
        Self { reader, buffer: Vec::new(), number: 0 }
    }

    /// The next line that is not blank, without its end; `None` after the last.
    pub(crate) fn next_line(&mut self) -> Result<Option<&str>, LineError> {
        while self.fill()? {
            if self.buffer.trim_ascii().is_empty() {
                continue;
            }
            return match std::str::from_utf8(&self.buffer) {
                Ok(text) => Ok(Some(text)),
                Err(error) => {
                    let index = error.valid_up_to();
                    Err(LineError::NotUtf8 { byte: self.buffer[index], column: index + 1 })
                }
            };
        }
        Ok(None)
    }

    /// The number of the line read last, from 1; 0 before the first.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Reads one line into the buffer; false at the end of the text.
    fn fill(&mut self) -> Result<bool, LineError> {
        // Room for the two bytes that may end a line of the greatest length.
        let limit = LINE_BYTES_MAX as u64 + 2;
        self.buffer.clear();
        self.number += 1;
        if self.reader.by_ref().take(limit).read_until(b'\n', &mut self.buffer)? == 0 {
            return Ok(false);
        }
        self.trim();
        if self.buffer.len() > LINE_BYTES_MAX { Err(LineError::TooLong) } else { Ok(true) }
    }

    fn trim(&mut self) {
        if self.buffer.ends_with(b"\n") {
            let end_bytes = if self.buffer.ends_with(b"\r\n") { 2 } else { 1 };
            self.buffer.truncate(self.buffer.len() - end_bytes);
        }
        if self.number == 1 && self.buffer.starts_with(BYTE_ORDER_MARK) {
            self.buffer.drain(..BYTE_ORDER_MARK.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Cursor};

    use super::*;

    /// Every line of `bytes` with its number, or the error that ended the reading.
    fn read(bytes: &[u8]) -> Result<Vec<(u64, String)>, LineError> {
        // A small buffer, so that lines cross its borders.
        let mut lines = Lines::new(BufReader::with_capacity(7, Cursor::new(bytes)));
        let mut all = Vec::new();
        while let Some(text) = lines.next_line()?.map(str::to_owned) {
            all.push((lines.number(), text));
        }
        Ok(all)
    }

    fn owned(lines: &[(u64, &str)]) -> Vec<(u64, String)> {
        lines.iter().map(|&(number, text)| (number, text.to_owned())).collect()
    }

    #[test]
    fn each_way_to_end_a_line_ends_it() {
        let lines = read(b"first line\nsecond\r\nthird").unwrap();
        assert_eq!(lines, owned(&[(1, "first line"), (2, "second"), (3, "third")]));
        assert_eq!(read(b"").unwrap(), []);
    }

    #[test]
    fn blank_lines_are_skipped_and_counted() {
        assert_eq!(read(b"\n \t\r\na\n\n").unwrap(), owned(&[(3, "a")]));
    }

    #[test]
    fn a_byte_order_mark_is_skipped_at_the_start_only() {
        assert_eq!(read(b"\xef\xbb\xbfa\n").unwrap(), owned(&[(1, "a")]));
        assert_eq!(read(b"a\n\xef\xbb\xbfb\n").unwrap()[1].1, "\u{feff}b");
    }

    #[test]
    fn the_longest_line_passes_and_one_byte_more_does_not() {
        for end in ["", "\n", "\r\n"] {
            let longest = "x".repeat(LINE_BYTES_MAX);
            assert_eq!(read(format!("{longest}{end}").as_bytes()).unwrap(), owned(&[(1, &longest)]));
            let longer = format!("{longest}x{end}");
            assert!(matches!(read(longer.as_bytes()), Err(LineError::TooLong)), "{end:?}");
        }
    }

    #[test]
    fn an_endless_line_is_refused_after_a_bounded_part_of_it() {
        let mut lines = Lines::new(BufReader::new(io::repeat(b'x')));
        assert!(matches!(lines.next_line(), Err(LineError::TooLong)));
        assert!(lines.buffer.len() <= LINE_BYTES_MAX + 2);
    }

    #[test]
    fn a_byte_that_is_not_utf8_is_named_with_its_column() {
        let error = read(b"fine\nab\xffc\n").unwrap_err();
        assert!(matches!(error, LineError::NotUtf8 { byte: 0xff, column: 3 }), "{error:?}");
        // A character cut off by the end of the line.
        let error = read(b"a\xe2\x82\n").unwrap_err();
        assert!(matches!(error, LineError::NotUtf8 { byte: 0xe2, column: 2 }), "{error:?}");
    }
}
