//! The file of decisions: one line of JSON for each command, in the order of the trace.
//!
//! Promises: the same decisions are the same bytes, and whatever ends the replay short of a kill the file
//! holds whole lines. Lines are gathered in a buffer that is handed on only between them.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use serde::Serialize;

/// Why decisions could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DecisionsError {
    /// The file cannot be created.
    #[error("{file}: the file of decisions cannot be created: {source}")]
    Create {
        /// The file.
        file: String,
        /// Why not.
        source: io::Error,
    },
    /// The file cannot be written on.
    #[error("{file}: decision {number} cannot be written: {source}")]
    Write {
        /// The file.
        file: String,
        /// Which decision, from 1.
        number: u64,
        /// Why not.
        source: io::Error,
    },
}

/// A command and what was decided about it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decided<'a> {
    /// The run of the command.
    pub(crate) run: &'a str,
    /// Its step in the run.
    pub(crate) step: u32,
    /// The tool that it calls.
    pub(crate) tool: &'a str,
    /// Why it is denied, in any order; none when it is permitted.
    pub(crate) reasons: &'a [&'a str],
}

/// Writes the file of decisions.
#[derive(Debug)]
pub(crate) struct DecisionsWriter {
    file: String,
    out: BufWriter<File>,
    line: Vec<u8>,
    count: u64,
}

impl DecisionsWriter {
    /// Creates the file at `path`, or empties it: call this when the input has been found good.
    ///
    /// # Errors
    /// When the file cannot be created.
    pub(crate) fn create(path: &Path) -> Result<Self, DecisionsError> {
        let file = path.display().to_string();
        match File::create(path) {
            Ok(created) => Ok(Self { file, out: BufWriter::new(created), line: Vec::new(), count: 0 }),
            Err(source) => Err(DecisionsError::Create { file, source }),
        }
    }

    /// Appends the line of one command; it is denied when there is a reason.
    ///
    /// # Errors
    /// When the file cannot be written, which may show some lines later.
    pub(crate) fn write(&mut self, decided: Decided<'_>) -> Result<(), DecisionsError> {
        self.count += 1;
        self.line.clear();
        append_line(&mut self.line, decided);
        // One call for the line: the buffer then never hands on a part of it.
        self.out.write_all(&self.line).map_err(|source| self.failed(source))
    }

    /// Writes what is still in the buffer and returns the number of decisions. Dropping the writer does
    /// the same, but nobody learns whether it worked.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn finish(mut self) -> Result<u64, DecisionsError> {
        self.out.flush().map_err(|source| self.failed(source))?;
        Ok(self.count)
    }

    fn failed(&self, source: io::Error) -> DecisionsError {
        DecisionsError::Write { file: self.file.clone(), number: self.count, source }
    }
}

fn append_line(line: &mut Vec<u8>, decided: Decided<'_>) {
    // The fields in the order of the format.
    #[derive(Serialize)]
    struct Format<'a> {
        run: &'a str,
        step: u32,
        tool: &'a str,
        decision: &'static str,
        reasons: &'a [&'a str],
    }
    let Decided { run, step, tool, reasons } = decided;
    let mut reasons = reasons.to_vec();
    reasons.sort_unstable();
    let decision = if reasons.is_empty() { "permit" } else { "deny" };
    let format = Format { run, step, tool, decision, reasons: &reasons };
    serde_json::to_writer(&mut *line, &format)
        .expect("memory takes every byte and text always has a spelling");
    line.push(b'\n');
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const DENIED: Decided<'_> = Decided {
        run: "t00.0",
        step: 13,
        tool: "book_reservation",
        reasons: &["unknown-flight", "payment-mix"],
    };

    #[test]
    fn a_line_is_the_format_byte_for_byte() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("d.jsonl");
        let mut writer = DecisionsWriter::create(&path).unwrap();
        writer.write(DENIED).unwrap();
        writer.write(Decided { run: "a\"b", step: 0, tool: "send_certificate", reasons: &[] }).unwrap();
        assert_eq!(writer.finish().unwrap(), 2);
        let expected = concat!(
            r#"{"run":"t00.0","step":13,"tool":"book_reservation","decision":"deny","#,
            r#""reasons":["payment-mix","unknown-flight"]}"#,
            "\n",
            r#"{"run":"a\"b","step":0,"tool":"send_certificate","decision":"permit","reasons":[]}"#,
            "\n",
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), expected);
    }

    #[test]
    fn the_file_holds_whole_lines_at_every_moment() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("d.jsonl");
        let mut writer = DecisionsWriter::create(&path).unwrap();
        let mut bytes_seen = 0;
        for _ in 0..500 {
            writer.write(DENIED).unwrap();
            let text = fs::read_to_string(&path).unwrap();
            assert!(text.is_empty() || text.ends_with("}\n"));
            bytes_seen = text.len();
        }
        assert!(bytes_seen > 0, "the buffer was handed on more than once");
        drop(writer);
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 500);
    }

    #[test]
    fn an_older_file_is_overwritten_whole() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("d.jsonl");
        fs::write(&path, "x".repeat(10_000)).unwrap();
        let mut writer = DecisionsWriter::create(&path).unwrap();
        writer.write(DENIED).unwrap();
        writer.finish().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 1);
    }

    #[test]
    fn a_file_that_cannot_be_created_is_named() {
        let error = DecisionsWriter::create(Path::new("no/such/d.jsonl")).unwrap_err().to_string();
        let start = "no/such/d.jsonl: the file of decisions cannot be created: No such file";
        assert!(error.starts_with(start), "{error}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_an_error_and_no_silence() {
        let mut writer = DecisionsWriter::create(Path::new("/dev/full")).unwrap();
        writer.write(DENIED).unwrap();
        let error = writer.finish().unwrap_err().to_string();
        assert!(error.starts_with("/dev/full: decision 1 cannot be written"), "{error}");
    }
}
