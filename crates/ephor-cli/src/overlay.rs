//! What successful responses of one run have changed, and the input that a decision is made from.
//!
//! Facts are as they were at the start of every run. A write that succeeded carries its reservation as it is
//! from then on, in that run alone: the overlay keeps the last state of each, and a decision sees the facts
//! with the overlay on top. It holds a bounded number of reservations; a run that changes more is refused,
//! since forgetting one would decide wrongly.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::show::Shown;
use crate::trace::Tool;
use crate::words::Word;

/// The most reservations that one run may change.
pub(crate) const OVERLAY_RESERVATIONS_MAX: usize = 64;

/// Why a reservation could not be laid over the facts.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum OverlayError {
    /// The value has no id to keep it under.
    #[error("the reservation has no `reservation_id`; it must carry one, as text")]
    NoId,
    /// The overlay is full.
    #[error(
        "reservation {id} is one more than the {OVERLAY_RESERVATIONS_MAX} that one run may change; \
         split the run"
    )]
    Full {
        /// The reservation that found no room.
        id: Shown,
    },
}

/// The reservations that one run has changed so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Overlay {
    reservations: BTreeMap<String, Value>,
}

impl Overlay {
    /// Keeps `reservation` as it is from now on in this run.
    ///
    /// # Errors
    /// When it has no id, or is new and the overlay is full; the overlay is then unchanged.
    pub(crate) fn insert(&mut self, reservation: Value) -> Result<(), OverlayError> {
        let id = reservation.get("reservation_id").and_then(Value::as_str).ok_or(OverlayError::NoId)?;
        if self.reservations.len() == OVERLAY_RESERVATIONS_MAX && !self.reservations.contains_key(id) {
            return Err(OverlayError::Full { id: Shown::text(id) });
        }
        self.reservations.insert(id.to_owned(), reservation);
        Ok(())
    }

    /// The changed reservations by id.
    #[cfg(test)]
    pub(crate) fn reservations(&self) -> &BTreeMap<String, Value> {
        &self.reservations
    }
}

/// The canonical JSON of a call as policy sees it: `{"args":…,"overlay":{ID:reservation,…},"tool":"…"}`.
///
/// Keys are sorted at every depth and there are no spaces, so equal calls on equal overlays are equal bytes:
/// decisions are cached by them.
pub(crate) fn canonical_input(tool: Tool, args: &Value, overlay: &Overlay) -> Vec<u8> {
    // Fields in the order of their names. serde_json keeps object keys sorted unless someone turns on its
    // feature `preserve_order`, which a test below would notice.
    #[derive(Serialize)]
    struct Input<'a> {
        args: &'a Value,
        overlay: &'a BTreeMap<String, Value>,
        tool: &'static str,
    }
    let input = Input { args, overlay: &overlay.reservations, tool: tool.name() };
    serde_json::to_vec(&input).expect("memory takes every byte and JSON values always have a spelling")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn text(tool: Tool, args: &str, overlay: &Overlay) -> String {
        let args: Value = serde_json::from_str(args).unwrap();
        String::from_utf8(canonical_input(tool, &args, overlay)).unwrap()
    }

    #[test]
    fn equal_input_has_one_spelling_whatever_the_order_it_came_in() {
        let reservations = [
            json!({"status": "active", "reservation_id": "B"}),
            json!({"reservation_id": "A", "flights": [{"flight_number": "HAT001", "date": "2024-05-20"}]}),
        ];
        let (mut forth, mut back) = (Overlay::default(), Overlay::default());
        for reservation in &reservations {
            forth.insert(reservation.clone()).unwrap();
        }
        for reservation in reservations.iter().rev() {
            back.insert(reservation.clone()).unwrap();
        }
        let spelling = concat!(
            r#"{"args":{"a":[1,{"y":null,"z":"é"}],"reservation_id":"A"},"#,
            r#""overlay":{"A":{"flights":[{"date":"2024-05-20","flight_number":"HAT001"}],"reservation_id":"A"},"#,
            r#""B":{"reservation_id":"B","status":"active"}},"tool":"cancel_reservation"}"#
        );
        let one =
            text(Tool::CancelReservation, r#"{"reservation_id":"A","a":[1,{"z":"é","y":null}]}"#, &forth);
        let two = text(
            Tool::CancelReservation,
            r#" {"a": [1, {"y":null, "z":"\u00e9"}], "reservation_id":"A"}"#,
            &back,
        );
        assert_eq!(one, spelling);
        assert_eq!(two, spelling);
    }

    #[test]
    fn tool_arguments_and_overlay_each_make_a_different_input() {
        let mut changed = Overlay::default();
        changed.insert(json!({"reservation_id": "A"})).unwrap();
        let base = text(Tool::CancelReservation, "{}", &Overlay::default());
        assert_ne!(text(Tool::SendCertificate, "{}", &Overlay::default()), base);
        assert_ne!(text(Tool::CancelReservation, r#"{"a":1}"#, &Overlay::default()), base);
        assert_ne!(text(Tool::CancelReservation, "{}", &changed), base);
    }

    #[test]
    fn the_last_state_of_a_reservation_counts() {
        let mut overlay = Overlay::default();
        overlay.insert(json!({"reservation_id": "A", "status": "active"})).unwrap();
        overlay.insert(json!({"reservation_id": "A", "status": "cancelled"})).unwrap();
        assert_eq!(overlay.reservations().len(), 1);
        assert_eq!(overlay.reservations()["A"]["status"], "cancelled");
    }

    #[test]
    fn a_full_overlay_takes_changes_of_what_it_holds_and_nothing_new() {
        let mut overlay = Overlay::default();
        for index in 0..OVERLAY_RESERVATIONS_MAX {
            overlay.insert(json!({"reservation_id": index.to_string()})).unwrap();
        }
        let full = OverlayError::Full { id: Shown::text("new") };
        assert_eq!(overlay.insert(json!({"reservation_id": "new"})), Err(full));
        assert_eq!(overlay.insert(json!({"reservation_id": "0", "status": "cancelled"})), Ok(()));
        assert_eq!(overlay.reservations().len(), OVERLAY_RESERVATIONS_MAX);
    }

    #[test]
    fn a_reservation_without_an_id_is_refused() {
        for value in [json!({}), json!({"reservation_id": 7}), json!([]), json!(null)] {
            assert_eq!(Overlay::default().insert(value), Err(OverlayError::NoId));
        }
    }
}
