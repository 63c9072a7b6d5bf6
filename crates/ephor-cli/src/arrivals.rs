//! When each line of the trace is due: as fast as possible, or as real requests arrived.
//!
//! A file of arrivals is CSV with the header `t_us,context_tokens,generated_tokens` and one request a line,
//! `t_us` in microseconds and never going back; the first request is time 0. A trace longer than the file
//! repeats the whole pattern, one last gap after its end. There is no clock here: the caller has one.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use crate::lines::{LineError, Lines};
use crate::options::Speed;
use crate::show::Shown;

/// The most arrivals that a file may hold.
pub(crate) const ARRIVALS_MAX: usize = 1_000_000;

const HEADER: &str = "t_us,context_tokens,generated_tokens";
const COLUMNS: [&str; 3] = ["t_us", "context_tokens", "generated_tokens"];

/// Why a file of arrivals could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArrivalsError {
    /// The file cannot be opened.
    #[error("{file}: the arrivals cannot be opened: {source}")]
    Open {
        /// The file.
        file: String,
        /// Why not.
        source: io::Error,
    },
    /// A line is not what the file may hold.
    #[error("{file}:{line}: {fault}")]
    Line {
        /// The file.
        file: String,
        /// The number of the line, from 1.
        line: u64,
        /// What is wrong with it.
        fault: ArrivalFault,
    },
    /// The file ends too early.
    #[error("{file}: {count} arrivals; at least 2 are needed to have a gap between them")]
    TooFew {
        /// The file.
        file: String,
        /// The arrivals in it.
        count: usize,
    },
}

/// What is wrong with a line of arrivals.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArrivalFault {
    /// The line itself cannot be had.
    #[error(transparent)]
    Line(#[from] LineError),
    /// The first line is not the header.
    #[error("the header is {0}; it must be `{HEADER}`")]
    Header(Shown),
    /// A row has more or fewer columns than the header.
    #[error("{row} has {count} columns; it must have 3, {HEADER}")]
    Columns {
        /// The row.
        row: Shown,
        /// Its columns.
        count: usize,
    },
    /// A cell is not a number.
    #[error("column `{column}` is {value}; it must be a whole number from 0 on")]
    Number {
        /// The column.
        column: &'static str,
        /// The cell.
        value: Shown,
    },
    /// Time goes back.
    #[error("column `t_us` is {time_us}, before the {last_us} of the row above; sort the rows by time")]
    Back {
        /// The time of this row.
        time_us: u64,
        /// The time of the row before.
        last_us: u64,
    },
    /// There are more rows than the limit.
    #[error("more than {ARRIVALS_MAX} arrivals, the most a file may hold")]
    TooMany,
}

/// When lines are due.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Pacing {
    /// Every line is due at once.
    AsFastAsPossible,
    /// Each line is due when a real request arrived.
    Arrivals {
        /// The arrivals in microseconds since the first, at least two, never going back.
        times_us: Vec<u64>,
        /// How many times as fast.
        speed: Speed,
    },
}

impl Pacing {
    /// Reads the arrivals in the file at `path`, to be replayed `speed` times as fast.
    ///
    /// # Errors
    /// When the file cannot be read or holds something else than arrivals.
    pub(crate) fn open(path: &Path, speed: Speed) -> Result<Self, ArrivalsError> {
        let file = path.display().to_string();
        match File::open(path) {
            Ok(opened) => Self::read(&file, BufReader::new(opened), speed),
            Err(source) => Err(ArrivalsError::Open { file, source }),
        }
    }

    fn read(file: &str, reader: impl BufRead, speed: Speed) -> Result<Self, ArrivalsError> {
        let mut lines = Lines::new(reader);
        let times_us = read_times(&mut lines).map_err(|fault| ArrivalsError::Line {
            file: file.to_owned(),
            line: lines.number(),
            fault,
        })?;
        if times_us.len() < 2 {
            return Err(ArrivalsError::TooFew { file: file.to_owned(), count: times_us.len() });
        }
        Ok(Self::Arrivals { times_us, speed })
    }

    /// The arrivals in microseconds since the first; none when every line is due at once.
    pub(crate) fn times_us(&self) -> &[u64] {
        match self {
            Self::AsFastAsPossible => &[],
            Self::Arrivals { times_us, .. } => times_us,
        }
    }

    /// When the line of this index (from 0) is due, in nanoseconds since the start of the replay.
    ///
    /// Never goes back as the index grows.
    pub(crate) fn due_ns(&self, line_index: u64) -> u64 {
        let Self::Arrivals { times_us, speed } = self else {
            return 0;
        };
        let count = times_us.len();
        let last_us = times_us[count - 1];
        let period_us = last_us.saturating_add(last_us - times_us[count - 2]);
        let lap = line_index / count as u64;
        let time_us = times_us[(line_index % count as u64) as usize];
        let due_us = lap.saturating_mul(period_us).saturating_add(time_us);
        // Exact below 2^53 ns (104 days); beyond it, and for any speed, a cast saturates.
        (due_us as f64 * 1_000.0 / speed.as_f64()) as u64
    }
}

/// The times in the file, counted from the first of them.
fn read_times(lines: &mut Lines<impl BufRead>) -> Result<Vec<u64>, ArrivalFault> {
    let header = lines.next_line()?.unwrap_or_default();
    if header != HEADER {
        return Err(ArrivalFault::Header(Shown::text(header)));
    }
    let mut times_us: Vec<u64> = Vec::new();
    let mut first_us = 0;
    while let Some(row) = lines.next_line()? {
        let time_us = parse_row(row)?;
        if times_us.is_empty() {
            first_us = time_us;
        }
        let last_us = first_us + times_us.last().copied().unwrap_or(0);
        if time_us < last_us {
            return Err(ArrivalFault::Back { time_us, last_us });
        }
        if times_us.len() == ARRIVALS_MAX {
            return Err(ArrivalFault::TooMany);
        }
        times_us.push(time_us - first_us);
    }
    Ok(times_us)
}

/// The time of a row whose every cell is a number.
fn parse_row(row: &str) -> Result<u64, ArrivalFault> {
    let cells: Vec<_> = row.split(',').collect();
    if cells.len() != COLUMNS.len() {
        return Err(ArrivalFault::Columns { row: Shown::text(row), count: cells.len() });
    }
    let mut numbers = [0; COLUMNS.len()];
    for ((number, cell), column) in numbers.iter_mut().zip(cells).zip(COLUMNS) {
        *number = cell.parse().map_err(|_| ArrivalFault::Number { column, value: Shown::text(cell) })?;
    }
    Ok(numbers[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, speed: f64) -> Result<Pacing, String> {
        let speed = speed.to_string().parse().unwrap();
        Pacing::read("a.csv", text.as_bytes(), speed).map_err(|error| error.to_string())
    }

    fn due_ns(text: &str, speed: f64) -> Vec<u64> {
        let pacing = read(text, speed).unwrap();
        (0..7).map(|index| pacing.due_ns(index)).collect()
    }

    #[track_caller]
    fn refuses(text: &str, message: &str) {
        assert_eq!(read(text, 1.0).unwrap_err(), message);
    }

    #[test]
    fn the_pattern_repeats_one_last_gap_after_its_end() {
        let text = "t_us,context_tokens,generated_tokens\r\n10,1,1\n20,1,1\n\n50,1,1";
        assert_eq!(due_ns(text, 1.0), [0, 10_000, 40_000, 70_000, 80_000, 110_000, 140_000]);
        assert_eq!(due_ns(text, 10.0), [0, 1_000, 4_000, 7_000, 8_000, 11_000, 14_000]);
        assert_eq!(due_ns(text, 0.5)[..3], [0, 20_000, 80_000]);
    }

    #[test]
    fn due_times_never_go_back_and_never_overflow() {
        let text = format!("{HEADER}\n0,1,1\n{},1,1\n", u64::MAX / 2);
        let pacing = read(&text, 1e-300).unwrap();
        let due: Vec<_> = [0, 1, 2, 3, u64::MAX - 1, u64::MAX].map(|index| pacing.due_ns(index)).into();
        assert!(due.is_sorted(), "{due:?}");
        assert_eq!(due.last(), Some(&u64::MAX));
        let equal = read(&format!("{HEADER}\n5,1,1\n5,1,1\n"), 1.0).unwrap();
        assert_eq!(equal.due_ns(1_000), 0);
    }

    #[test]
    fn without_arrivals_every_line_is_due_at_once() {
        assert_eq!(Pacing::AsFastAsPossible.due_ns(1_000_000), 0);
    }

    #[test]
    fn a_wrong_header_is_refused() {
        refuses("", "a.csv:1: the header is ``; it must be `t_us,context_tokens,generated_tokens`");
        refuses(
            "0,1,1\n",
            "a.csv:1: the header is `0,1,1`; it must be `t_us,context_tokens,generated_tokens`",
        );
    }

    #[test]
    fn a_wrong_row_is_refused_with_line_and_value() {
        let with = |rows: &str| format!("{HEADER}\n0,374,44\n{rows}\n");
        let columns = "columns; it must have 3, t_us,context_tokens,generated_tokens";
        refuses(&with("1,2"), &format!("a.csv:3: `1,2` has 2 {columns}"));
        refuses(&with("1,2,3,4,5,6"), &format!("a.csv:3: `1,2,3,4,5,6` has 6 {columns}"));
        let number = "it must be a whole number from 0 on";
        refuses(&with("-1,2,3"), &format!("a.csv:3: column `t_us` is `-1`; {number}"));
        refuses(&with("1,x,3"), &format!("a.csv:3: column `context_tokens` is `x`; {number}"));
        refuses(&with("1,2,"), &format!("a.csv:3: column `generated_tokens` is ``; {number}"));
        refuses(
            &with("99999999999999999999,2,3"),
            &format!("a.csv:3: column `t_us` is `99999999999999999999`; {number}"),
        );
        refuses(
            &with("7,2,3\n6,2,3"),
            "a.csv:4: column `t_us` is 6, before the 7 of the row above; sort the rows by time",
        );
    }

    #[test]
    fn fewer_than_two_arrivals_are_refused() {
        let few = "arrivals; at least 2 are needed to have a gap between them";
        refuses(HEADER, &format!("a.csv: 0 {few}"));
        refuses(&format!("{HEADER}\n0,1,1\n"), &format!("a.csv: 1 {few}"));
    }

    #[test]
    fn a_file_without_end_is_refused_at_the_limit() {
        let rows = "1,1,1\n".repeat(ARRIVALS_MAX + 1);
        refuses(
            &format!("{HEADER}\n{rows}"),
            &format!("a.csv:{}: more than 1000000 arrivals, the most a file may hold", ARRIVALS_MAX + 2),
        );
    }

    #[test]
    fn a_missing_file_is_named() {
        let speed = "1".parse().unwrap();
        let error = Pacing::open(Path::new("no/such.csv"), speed).unwrap_err().to_string();
        assert!(error.starts_with("no/such.csv: the arrivals cannot be opened: No such file"), "{error}");
    }
}
