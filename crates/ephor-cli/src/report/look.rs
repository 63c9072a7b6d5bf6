//! Where the text goes and how it may look there.

use std::ffi::OsStr;
use std::io::{self, ErrorKind, IsTerminal, Write};

/// How text may look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// Columns of plain text, for files and other programs.
    Plain,
    /// Lines around the tables, without colours.
    Lines,
    /// Lines and colours.
    Colours,
}

impl Look {
    /// What fits stdout: plain unless it is a terminal, without colours when `NO_COLOR` is set.
    pub(crate) fn of_stdout() -> Self {
        let [no_color, term] = ["NO_COLOR", "TERM"].map(std::env::var_os);
        Self::choose(io::stdout().is_terminal(), no_color.as_deref(), term.as_deref())
    }

    fn choose(is_terminal: bool, no_color: Option<&OsStr>, term: Option<&OsStr>) -> Self {
        if !is_terminal || term.is_some_and(|term| term == "dumb") {
            Self::Plain
        } else if no_color.is_some_and(|value| !value.is_empty()) {
            Self::Lines
        } else {
            Self::Colours
        }
    }
}

/// Prints `text` on stdout. A reader that has gone away, such as `head`, is no error.
///
/// # Errors
/// When stdout cannot be written for another reason.
pub(crate) fn print_stdout(text: &str) -> io::Result<()> {
    print_to(&mut io::stdout().lock(), text)
}

fn print_to(out: &mut impl Write, text: &str) -> io::Result<()> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(io::Error::new(error.kind(), format!("stdout cannot be written: {error}"))),
        Ok(()) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_terminals_that_want_them() {
        let choose = |is_terminal, no_color: Option<&str>, term: Option<&str>| {
            Look::choose(is_terminal, no_color.map(OsStr::new), term.map(OsStr::new))
        };
        assert_eq!(choose(true, None, Some("xterm")), Look::Colours);
        assert_eq!(choose(true, Some(""), None), Look::Colours);
        assert_eq!(choose(true, Some("1"), Some("xterm")), Look::Lines);
        assert_eq!(choose(true, None, Some("dumb")), Look::Plain);
        assert_eq!(choose(false, None, Some("xterm")), Look::Plain);
    }

    /// Fails with the given kind of error once it has taken a byte.
    struct Closing(ErrorKind);

    impl Write for Closing {
        fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_has_gone_away_is_no_error_and_others_are() {
        assert!(print_to(&mut Closing(ErrorKind::BrokenPipe), "text").is_ok());
        assert!(print_to(&mut Closing(ErrorKind::StorageFull), "text").is_err());
        let mut out = Vec::new();
        print_to(&mut out, "text").unwrap();
        assert_eq!(out, b"text");
    }
}
