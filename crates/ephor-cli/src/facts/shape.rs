//! The shapes of facts: which fields an entry has and what each may hold.
//!
//! A shape is a value, so the three at the top are the whole format. Fields beyond them are ignored.

use serde_json::Value;

use crate::show::Shown;

/// A reservation.
pub(super) const RESERVATION: Shape = Shape::Record(RESERVATION_FIELDS);

/// A user.
pub(super) const USER: Shape = Shape::Record(&[
    ("membership", Shape::OneOf(&["regular", "silver", "gold"])),
    ("reservations", Shape::List(&Shape::Text)),
    ("payment_methods", Shape::Map(&Shape::OneOf(&["credit_card", "gift_card", "certificate"]))),
]);

/// A flight.
pub(super) const FLIGHT: Shape = Shape::Record(&[
    ("origin", Shape::Text),
    ("destination", Shape::Text),
    (
        "dates",
        Shape::Map(&Shape::OneOf(&["available", "on time", "delayed", "flying", "landed", "cancelled"])),
    ),
]);

const RESERVATION_FIELDS: &[(&str, Shape)] = &[
    ("reservation_id", Shape::Text),
    ("user_id", Shape::Text),
    ("origin", Shape::Text),
    ("destination", Shape::Text),
    ("flight_type", Shape::OneOf(&["one_way", "round_trip"])),
    ("cabin", Shape::OneOf(&["basic_economy", "economy", "business"])),
    (
        "flights",
        Shape::List(&Shape::Record(&[("flight_number", Shape::Text), ("date", Shape::Digits("0000-00-00"))])),
    ),
    ("passengers", Shape::Count),
    ("created_at", Shape::Digits("0000-00-00T00:00:00")),
    ("total_baggages", Shape::Count),
    ("nonfree_baggages", Shape::Count),
    ("insurance", Shape::OneOf(&["yes", "no"])),
    ("status", Shape::Text),
];

/// Where a value differs from its shape.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ShapeError {
    /// A field is not there.
    #[error("field `{field}` is missing; it must be {expected}")]
    Missing {
        /// The path to the field.
        field: String,
        /// What it would hold.
        expected: String,
    },
    /// A field holds something else.
    #[error("field `{field}` is {value}; it must be {expected}")]
    Field {
        /// The path to the field.
        field: String,
        /// What it holds.
        value: Shown,
        /// What it may hold.
        expected: String,
    },
    /// The value itself is something else.
    #[error("{value} must be {expected}")]
    Whole {
        /// The value.
        value: Shown,
        /// What it may be.
        expected: String,
    },
}

/// What a value may be.
#[derive(Debug)]
pub(super) enum Shape {
    /// Text.
    Text,
    /// A whole number from 0 on.
    Count,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// Text like this pattern, with any digit for a `0`.
    Digits(&'static str),
    /// A list of such values.
    List(&'static Shape),
    /// An object of such values under any keys.
    Map(&'static Shape),
    /// An object with these fields.
    Record(&'static [(&'static str, Shape)]),
}

/// Checks a reservation that a response carries: it has its id, and what it has is shaped as in the facts.
pub(crate) fn check_reservation(value: &Value) -> Result<(), ShapeError> {
    Shape::Record(&[("reservation_id", Shape::Text)]).check(value)?;
    for (field, shape) in RESERVATION_FIELDS {
        if let Some(value) = value.get(field) {
            shape.check_at(value, field)?;
        }
    }
    Ok(())
}

impl Shape {
    /// Checks that `value` has this shape.
    pub(super) fn check(&self, value: &Value) -> Result<(), ShapeError> {
        self.check_at(value, "")
    }

    /// Checks the value at the end of `path`, which is empty for the whole.
    fn check_at(&self, value: &Value, path: &str) -> Result<(), ShapeError> {
        match (self, value) {
            (Self::Text, Value::String(_)) => Ok(()),
            (Self::Count, Value::Number(number)) if number.is_u64() => Ok(()),
            (Self::OneOf(words), Value::String(text)) if words.contains(&text.as_str()) => Ok(()),
            (Self::Digits(pattern), Value::String(text)) if is_like(pattern, text) => Ok(()),
            (Self::List(shape), Value::Array(items)) => {
                let mut items = items.iter().enumerate();
                items.try_for_each(|(index, item)| shape.check_at(item, &format!("{path}[{index}]")))
            }
            (Self::Map(shape), Value::Object(map)) => {
                let mut entries = map.iter();
                entries.try_for_each(|(key, value)| shape.check_at(value, &join(path, key)))
            }
            (Self::Record(fields), Value::Object(map)) => {
                let mut fields = fields.iter();
                fields.try_for_each(|(name, shape)| shape.check_field(map.get(*name), &join(path, name)))
            }
            _ => Err(self.mismatch(value, path)),
        }
    }

    fn check_field(&self, value: Option<&Value>, path: &str) -> Result<(), ShapeError> {
        match value {
            Some(value) => self.check_at(value, path),
            None => Err(ShapeError::Missing { field: path.to_owned(), expected: self.expected() }),
        }
    }

    fn mismatch(&self, value: &Value, path: &str) -> ShapeError {
        let (value, expected) = (Shown::json(value), self.expected());
        if path.is_empty() {
            ShapeError::Whole { value, expected }
        } else {
            ShapeError::Field { field: path.to_owned(), value, expected }
        }
    }

    fn expected(&self) -> String {
        match self {
            Self::Text => "text".to_owned(),
            Self::Count => "a whole number from 0 on".to_owned(),
            Self::OneOf(words) => format!("one of {}", words.join(", ")),
            Self::Digits(pattern) => format!("text like {pattern}"),
            Self::List(_) => "a list".to_owned(),
            Self::Map(_) | Self::Record(_) => "an object".to_owned(),
        }
    }
}

fn is_like(pattern: &str, text: &str) -> bool {
    let fits =
        |(wanted, found): (u8, u8)| if wanted == b'0' { found.is_ascii_digit() } else { wanted == found };
    pattern.len() == text.len() && pattern.bytes().zip(text.bytes()).all(fits)
}

/// A key from a file may be long; the path in an error shows its start.
fn join(path: &str, key: &str) -> String {
    let key: String = key.chars().filter(|character| !character.is_control()).take(40).collect();
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(shape: &Shape, value: &Value, message: &str) {
        let found = shape.check(value).err().map(|error| error.to_string()).unwrap_or_default();
        assert_eq!(found, message, "{value}");
    }

    #[test]
    fn a_count_is_a_whole_number_from_zero_on() {
        check(&Shape::Count, &json!(0), "");
        check(&Shape::Count, &json!(u64::MAX), "");
        check(&Shape::Count, &json!(-1), "`-1` must be a whole number from 0 on");
        check(&Shape::Count, &json!(1.5), "`1.5` must be a whole number from 0 on");
        check(&Shape::Count, &json!("1"), "`\"1\"` must be a whole number from 0 on");
    }

    #[test]
    fn a_date_is_digits_in_places() {
        let day = Shape::Digits("0000-00-00");
        check(&day, &json!("2024-05-22"), "");
        for wrong in ["2024-5-22", "2024/05/22", "2024-05-2x", "2024-05-222", ""] {
            check(&day, &json!(wrong), &format!("`\"{wrong}\"` must be text like 0000-00-00"));
        }
    }

    #[test]
    fn an_error_carries_the_path_to_the_field() {
        let flights = |second: Value| json!({"reservation_id": "A", "flights": [{"flight_number": "H", "date": "2024-05-22"}, second]});
        let message = |value: Value| check_reservation(&value).unwrap_err().to_string();
        assert_eq!(
            message(flights(json!({"flight_number": "H"}))),
            "field `flights[1].date` is missing; it must be text like 0000-00-00"
        );
        assert_eq!(message(flights(json!([]))), "field `flights[1]` is `[]`; it must be an object");
        check(
            &USER,
            &json!({"membership": "gold", "reservations": ["a", 2], "payment_methods": {}}),
            "field `reservations[1]` is `2`; it must be text",
        );
        check(
            &USER,
            &json!({"membership": "gold", "reservations": [], "payment_methods": {"x\u{1b}y": "coin"}}),
            "field `payment_methods.xy` is `\"coin\"`; it must be one of credit_card, gift_card, certificate",
        );
    }

    #[test]
    fn a_changed_reservation_has_its_id_and_no_field_of_another_shape() {
        assert_eq!(check_reservation(&json!({"reservation_id": "A", "extra": 1})), Ok(()));
        for (value, message) in [
            (json!([]), "`[]` must be an object"),
            (json!({}), "field `reservation_id` is missing; it must be text"),
            (json!({"reservation_id": 1}), "field `reservation_id` is `1`; it must be text"),
            (
                json!({"reservation_id": "A", "passengers": "2"}),
                "field `passengers` is `\"2\"`; it must be a whole number from 0 on",
            ),
        ] {
            assert_eq!(check_reservation(&value).unwrap_err().to_string(), message);
        }
    }
}
