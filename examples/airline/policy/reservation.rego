# Calls on a reservation.
package airline

violations contains "unknown-reservation" if {
	input.tool in reservation_tools
	not reservation
}

violations contains "already-cancelled" if reservation.status == "cancelled"

# --- cancel_reservation

violations contains "segment-already-flown" if {
	input.tool == "cancel_reservation"
	some flight in reservation.flights
	flight_state(flight) in {"landed", "flying"}
}

violations contains "cancel-not-allowed" if {
	input.tool == "cancel_reservation"
	reservation
	not may_cancel
}

# The time is always 2024-05-15T15:00:00. Times are written in one form, so their texts order as they do.
may_cancel if reservation.created_at >= "2024-05-14T15:00:00"

may_cancel if {
	some flight in reservation.flights
	flight_state(flight) == "cancelled"
}

may_cancel if reservation.cabin == "business"

may_cancel if reservation.insurance == "yes"

# --- update_reservation_passengers

violations contains "passenger-count-changed" if {
	input.tool == "update_reservation_passengers"
	input.args.passengers != reservation.passengers
}

# --- update_reservation_baggages

violations contains "baggage-removed" if {
	input.tool == "update_reservation_baggages"
	input.args.total_baggages < reservation.total_baggages
}

violations contains "baggage-undercharged" if {
	input.tool == "update_reservation_baggages"
	input.args.nonfree_baggages < bags_to_pay(
		object.get(data.users, [reservation.user_id, "membership"], ""),
		reservation.cabin,
		reservation.passengers,
		input.args.total_baggages,
	)
}

# --- update_reservation_flights

asked := [[flight.flight_number, flight.date] | some flight in input.args.flights]

present := [[flight.flight_number, flight.date] | some flight in reservation.flights]

violations contains "basic-economy-modified" if {
	input.tool == "update_reservation_flights"
	reservation.cabin == "basic_economy"
	asked != present
}

first_flight := data.flights[input.args.flights[0].flight_number]

last_flight := data.flights[input.args.flights[count(input.args.flights) - 1].flight_number]

ends_are_known if {
	first_flight
	last_flight
}

violations contains "unknown-flight" if {
	input.tool == "update_reservation_flights"
	reservation
	not ends_are_known
}

violations contains "route-changed" if {
	input.tool == "update_reservation_flights"
	ends_are_known
	[first_flight.origin, last_flight.destination] != [reservation.origin, route_end]
}

# A round trip ends where it began.
route_end := reservation.origin if reservation.flight_type == "round_trip"

route_end := reservation.destination if reservation.flight_type != "round_trip"

violations contains "flight-not-available" if {
	input.tool == "update_reservation_flights"
	reservation
	some flight in input.args.flights
	not [flight.flight_number, flight.date] in present
	flight_state(flight) != "available"
}

# --- payment for a change

violations contains "payment-not-in-profile" if {
	input.tool in {"update_reservation_baggages", "update_reservation_flights"}
	reservation
	not owner.payment_methods[input.args.payment_id]
}

violations contains "certificate-for-update" if {
	input.tool == "update_reservation_flights"
	owner.payment_methods[input.args.payment_id] == "certificate"
}
