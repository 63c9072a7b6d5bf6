//! The facts: reservations, users and flights as they are at the start of every run.
//!
//! What policy judges by is checked before the first message: a rule that looks for a field which is not there
//! would silently not apply. An error names file, key and field.

mod shape;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde_json::Value;

use crate::sample;
use crate::show::{Shown, json_reason};

pub(crate) use shape::{ShapeError, check_reservation};

use shape::Shape;

/// The largest file of facts, in bytes.
pub(crate) const FACTS_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// The files of a directory of facts.
pub(crate) const FACTS_FILES: [&str; 3] = [RESERVATIONS, USERS, FLIGHTS];

const RESERVATIONS: &str = "reservations.json";
const USERS: &str = "users.json";
const FLIGHTS: &str = "flights.json";

/// Why facts could not be loaded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FactsError {
    /// A file is missing or cannot be read.
    #[error("{file}: the facts cannot be read: {source}")]
    Read {
        /// The file.
        file: String,
        /// Why not.
        source: io::Error,
    },
    /// A file is larger than the limit.
    #[error("{file}: larger than {FACTS_BYTES_MAX} bytes, the most a file of facts may have")]
    TooLarge {
        /// The file.
        file: String,
    },
    /// A file is not JSON.
    #[error("{file}:{line}:{column}: not JSON: {reason}")]
    NotJson {
        /// The file.
        file: String,
        /// Where, from 1.
        line: usize,
        /// Where, in bytes from 1.
        column: usize,
        /// What the parser says.
        reason: String,
    },
    /// A file is JSON, but not an object with one entry for each key.
    #[error("{file}: {value} is not an object; it must be one, with an entry for each key")]
    NotAnObject {
        /// The file.
        file: String,
        /// What it holds.
        value: Shown,
    },
    /// An entry does not have the shape of its kind.
    #[error("{file}: entry {key}: {source}")]
    Entry {
        /// The file.
        file: String,
        /// The entry's key.
        key: Shown,
        /// What is wrong with it.
        source: ShapeError,
    },
    /// A reservation is kept under another id than its own.
    #[error("{file}: entry {key}: `reservation_id` is {id}; it must be the entry's key")]
    Id {
        /// The file.
        file: String,
        /// The entry's key.
        key: Shown,
        /// The id in the entry.
        id: Shown,
    },
}

/// The facts that policy judges by, each an object with an entry for each key.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Facts {
    /// Reservations by `reservation_id`.
    pub(crate) reservations: Value,
    /// Users by `user_id`.
    pub(crate) users: Value,
    /// Flights by `flight_number`.
    pub(crate) flights: Value,
}

impl Facts {
    /// Reads and checks `reservations.json`, `users.json` and `flights.json` in `directory`.
    ///
    /// # Errors
    /// When one of them is missing, too large, not JSON, or not shaped as facts are.
    pub(crate) fn load(directory: &Path) -> Result<Self, FactsError> {
        let text_of = |name| {
            let path = directory.join(name);
            read_bounded(&path).map(|bytes| (path.display().to_string(), bytes))
        };
        Self::parse([text_of(RESERVATIONS)?, text_of(USERS)?, text_of(FLIGHTS)?])
    }

    /// The facts of the embedded sample.
    ///
    /// # Errors
    /// When the sample was built from files that are not facts.
    pub(crate) fn sample() -> Result<Self, FactsError> {
        let files =
            [(RESERVATIONS, sample::RESERVATIONS), (USERS, sample::USERS), (FLIGHTS, sample::FLIGHTS)];
        Self::parse(files.map(|(name, text)| (sample::file_name(name), text.as_bytes().to_vec())))
    }

    fn parse(files: [(String, Vec<u8>); 3]) -> Result<Self, FactsError> {
        let [reservations, users, flights] = files;
        let file = reservations.0.clone();
        let reservations = parse_file(reservations, &shape::RESERVATION)?;
        check_ids(&file, &reservations)?;
        Ok(Self {
            reservations,
            users: parse_file(users, &shape::USER)?,
            flights: parse_file(flights, &shape::FLIGHT)?,
        })
    }
}

fn read_bounded(path: &Path) -> Result<Vec<u8>, FactsError> {
    let file = || path.display().to_string();
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|opened| opened.take(FACTS_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(|source| FactsError::Read { file: file(), source })?;
    if bytes.len() as u64 > FACTS_BYTES_MAX { Err(FactsError::TooLarge { file: file() }) } else { Ok(bytes) }
}

fn parse_file((file, bytes): (String, Vec<u8>), entry: &Shape) -> Result<Value, FactsError> {
    let value: Value = serde_json::from_slice(&bytes).map_err(|error| FactsError::NotJson {
        file: file.clone(),
        line: error.line(),
        column: error.column(),
        reason: json_reason(&error),
    })?;
    let Some(entries) = value.as_object() else {
        return Err(FactsError::NotAnObject { file, value: Shown::json(&value) });
    };
    for (key, value) in entries {
        if let Err(source) = entry.check(value) {
            return Err(FactsError::Entry { file, key: Shown::text(key), source });
        }
    }
    Ok(value)
}

fn check_ids(file: &str, reservations: &Value) -> Result<(), FactsError> {
    for (key, reservation) in reservations.as_object().into_iter().flatten() {
        let id = &reservation["reservation_id"];
        if id != key.as_str() {
            return Err(FactsError::Id { file: file.into(), key: Shown::text(key), id: Shown::json(id) });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const RESERVATION: &str = r#"{"4WQ150":{"reservation_id":"4WQ150","user_id":"chen","origin":"DFW",
        "destination":"LAX","flight_type":"round_trip","cabin":"business",
        "flights":[{"flight_number":"HAT170","date":"2024-05-22"}],"passengers":3,
        "created_at":"2024-05-02T03:10:19","total_baggages":5,"nonfree_baggages":0,"insurance":"no",
        "status":"active"}}"#;
    const USER: &str = r#"{"chen":{"membership":"gold","reservations":["4WQ150"],
        "payment_methods":{"credit_card_1":"credit_card"}}}"#;
    const FLIGHT: &str =
        r#"{"HAT170":{"origin":"DFW","destination":"LAX","dates":{"2024-05-22":"on time"}}}"#;

    /// Loads a directory of good facts in which `name` holds `bytes` instead; `None` removes it.
    fn load_with(name: &str, bytes: Option<&[u8]>) -> Result<Facts, String> {
        let directory = tempfile::tempdir().unwrap();
        for (good, text) in [(super::RESERVATIONS, RESERVATION), (USERS, USER), (FLIGHTS, FLIGHT)] {
            fs::write(directory.path().join(good), text).unwrap();
        }
        match bytes {
            Some(bytes) => fs::write(directory.path().join(name), bytes).unwrap(),
            None => fs::remove_file(directory.path().join(name)).unwrap(),
        }
        Facts::load(directory.path()).map_err(|error| {
            let message = error.to_string();
            let root = format!("{}/", directory.path().display());
            message.strip_prefix(&root).expect("an error starts with the file").to_owned()
        })
    }

    #[track_caller]
    fn refuses(name: &str, bytes: impl AsRef<[u8]>, message: &str) {
        assert_eq!(load_with(name, Some(bytes.as_ref())).unwrap_err(), message);
    }

    #[test]
    fn good_facts_load() {
        let facts = load_with(USERS, Some(USER.as_bytes())).unwrap();
        assert_eq!(facts.reservations["4WQ150"]["cabin"], "business");
        assert_eq!(facts.users["chen"]["membership"], "gold");
        assert_eq!(facts.flights["HAT170"]["dates"]["2024-05-22"], "on time");
    }

    #[test]
    fn the_sample_is_good_facts() {
        let facts = Facts::sample().unwrap();
        for object in [&facts.reservations, &facts.users, &facts.flights] {
            assert!(!object.as_object().unwrap().is_empty());
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        for name in FACTS_FILES {
            let message = load_with(name, None).unwrap_err();
            assert!(
                message.starts_with(&format!("{name}: the facts cannot be read: No such file")),
                "{message}"
            );
        }
    }

    #[test]
    fn what_is_not_json_is_refused_with_line_and_column() {
        refuses(USERS, "{\n  \"chen\" 1}", "users.json:2:10: not JSON: expected `:`");
        refuses(FLIGHTS, "", "flights.json:1:0: not JSON: EOF while parsing a value");
        refuses(FLIGHTS, b"{\"\xff\":1}", "flights.json:1:3: not JSON: invalid unicode code point");
        refuses(FLIGHTS, "{}{}", "flights.json:1:3: not JSON: trailing characters");
    }

    #[test]
    fn what_is_not_an_object_is_refused() {
        let message = "users.json: `[1]` is not an object; it must be one, with an entry for each key";
        refuses(USERS, "[1]", message);
    }

    #[test]
    fn an_entry_of_the_wrong_shape_is_refused_with_key_and_field() {
        let wrong = RESERVATION.replace("\"business\"", "\"first\"");
        refuses(
            super::RESERVATIONS,
            wrong,
            "reservations.json: entry `4WQ150`: field `cabin` is `\"first\"`; it must be one of basic_economy, \
             economy, business",
        );
        refuses(
            USERS,
            r#"{"chen":{"membership":"gold","reservations":[]}}"#,
            "users.json: entry `chen`: field `payment_methods` is missing; it must be an object",
        );
        refuses(
            FLIGHTS,
            FLIGHT.replace("on time", "soon"),
            "flights.json: entry `HAT170`: field `dates.2024-05-22` is `\"soon\"`; it must be one of available, \
             on time, delayed, flying, landed, cancelled",
        );
        refuses(FLIGHTS, r#"{"HAT170":7}"#, "flights.json: entry `HAT170`: `7` must be an object");
    }

    #[test]
    fn a_reservation_under_another_id_is_refused() {
        refuses(
            super::RESERVATIONS,
            RESERVATION.replacen("4WQ150", "AAAAAA", 1),
            "reservations.json: entry `AAAAAA`: `reservation_id` is `\"4WQ150\"`; it must be the entry's key",
        );
    }
}
