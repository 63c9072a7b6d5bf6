//! The words of a trace: who speaks, what kind of line it is, which tool is called, which run it is part of.

use std::fmt;

use arrayvec::ArrayString;

use crate::words::words;

/// The longest name of a run, in bytes.
pub(crate) const RUN_NAME_BYTES_MAX: usize = 32;

words! {
    /// An agent of the airline's desk.
    Actor {
        /// The person who wants something.
        Customer = "customer",
        /// The agent that talks to the customer and calls the tools.
        Desk = "desk",
        /// The airline's systems.
        Tools = "tools",
    }
}

words! {
    /// What a line is.
    LineKind {
        /// Talk between customer and desk.
        Event = "event",
        /// A call that only reads.
        Query = "query",
        /// A call that writes: policy decides about it.
        Command = "command",
        /// What a call came back with.
        Response = "response",
    }
}

words! {
    /// A tool that the desk may call.
    Tool {
        /// Writes a new reservation.
        BookReservation = "book_reservation",
        /// Reads nothing, works out a number.
        Calculate = "calculate",
        /// Cancels a reservation.
        CancelReservation = "cancel_reservation",
        /// Reads a reservation.
        GetReservationDetails = "get_reservation_details",
        /// Reads a user's profile.
        GetUserDetails = "get_user_details",
        /// Reads the list of airports.
        ListAllAirports = "list_all_airports",
        /// Reads flights without a stop.
        SearchDirectFlight = "search_direct_flight",
        /// Reads flights with one stop.
        SearchOnestopFlight = "search_onestop_flight",
        /// Gives a user a certificate.
        SendCertificate = "send_certificate",
        /// Writes a note to nobody.
        Think = "think",
        /// Hands the customer over to a person.
        TransferToHumanAgents = "transfer_to_human_agents",
        /// Changes the bags of a reservation.
        UpdateReservationBaggages = "update_reservation_baggages",
        /// Changes the flights of a reservation.
        UpdateReservationFlights = "update_reservation_flights",
        /// Changes the passengers of a reservation.
        UpdateReservationPassengers = "update_reservation_passengers",
    }
}

impl Tool {
    /// The kind of line that calls this tool: a command when it writes, else a query.
    pub(crate) fn call_kind(self) -> LineKind {
        match self {
            Self::BookReservation
            | Self::CancelReservation
            | Self::SendCertificate
            | Self::UpdateReservationBaggages
            | Self::UpdateReservationFlights
            | Self::UpdateReservationPassengers => LineKind::Command,
            Self::Calculate
            | Self::GetReservationDetails
            | Self::GetUserDetails
            | Self::ListAllAirports
            | Self::SearchDirectFlight
            | Self::SearchOnestopFlight
            | Self::Think
            | Self::TransferToHumanAgents => LineKind::Query,
        }
    }
}

impl LineKind {
    /// Who may send a line of this kind to whom.
    pub(crate) fn routes(self) -> &'static [(Actor, Actor)] {
        match self {
            Self::Event => &[(Actor::Customer, Actor::Desk), (Actor::Desk, Actor::Customer)],
            Self::Query | Self::Command => &[(Actor::Desk, Actor::Tools)],
            Self::Response => &[(Actor::Tools, Actor::Desk)],
        }
    }
}

/// The name of a run: 1 to [`RUN_NAME_BYTES_MAX`] bytes without control characters, kept in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct RunName(ArrayString<RUN_NAME_BYTES_MAX>);

impl RunName {
    /// The run called `name`, unless that is no name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        if name.is_empty() || name.contains(char::is_control) {
            return None;
        }
        ArrayString::from(name).ok().map(Self)
    }

    /// The name.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
