# What the airline's desk may change.
#
# `violations` is the set of names of the rules that a write call breaks; the empty set permits it.
#
#   input.tool      the write call
#   input.args      its arguments
#   input.overlay   reservations as earlier successful responses of the same run left them, by id
#   data.reservations, data.users, data.flights   the facts at the start of every run
#
# In Rego a comparison with something undefined is undefined, not false. So whatever may be missing is looked up
# by a rule or function that always has a value, and a call whose arguments are not there, or are of another
# type, is `malformed-call`, and nothing else of it is judged: it is never let through because a rule could not be
# evaluated. Where a rule has an answer for what is missing (an id that is none, a payment that nobody has, no
# flights), the rule gives it.
#
# The package is one file on purpose: under `with`, which the tests use, the interpreter (regorus 0.14.1) gives wrong
# answers for a package that is spread over several.
package airline

reservation_tools := {
	"cancel_reservation",
	"update_reservation_passengers",
	"update_reservation_baggages",
	"update_reservation_flights",
}

user_tools := {"book_reservation", "send_certificate"}

violations contains "unknown-tool" if not input.tool in (reservation_tools | user_tools)

violations contains "malformed-call" if {
	is_known
	not well_formed
}

# The user or the reservation of the call is known; where it is not, that stands alone.
is_known if user

is_known if reservation

# The user of a call that names one.
user := data.users[input.args.user_id] if input.tool in user_tools

# The reservation of a call on one, as it is now in this run.
reservation := input.overlay[input.args.reservation_id] if input.tool in reservation_tools

reservation := data.reservations[input.args.reservation_id] if {
	input.tool in reservation_tools
	not input.overlay[input.args.reservation_id]
}

# The user that the reservation belongs to.
owner := data.users[reservation.user_id]

# The state of a flight on a day; the empty text when the flight is unknown or does not fly then.
flight_state(flight) := object.get(data.flights, [flight.flight_number, "dates", flight.date], "")

# Free bags for each passenger, by membership and cabin.
free_bags := {
	"regular": {"basic_economy": 0, "economy": 1, "business": 2},
	"silver": {"basic_economy": 1, "economy": 2, "business": 3},
	"gold": {"basic_economy": 2, "economy": 3, "business": 3},
}

# How many bags must be paid for.
bags_to_pay(membership, cabin, passengers, total) := max([
	0,
	total - (passengers * object.get(free_bags, [membership, cabin], 0)),
])

# ======== Which arguments each call must bring, and of which types.

default well_formed := false

well_formed if {
	input.tool == "book_reservation"
	input.args.cabin in cabins
	is_count(input.args.passengers)
	is_count(input.args.total_baggages)
	is_count(input.args.nonfree_baggages)
	are_payments(input.args.payment_methods)
	are_flights(input.args.flights)
}

well_formed if input.tool in {"send_certificate", "cancel_reservation"}

well_formed if {
	input.tool == "update_reservation_passengers"
	is_count(input.args.passengers)
}

well_formed if {
	input.tool == "update_reservation_baggages"
	is_count(input.args.total_baggages)
	is_count(input.args.nonfree_baggages)
}

well_formed if {
	input.tool == "update_reservation_flights"
	are_flights(object.get(input.args, "flights", []))
}

cabins := {"basic_economy", "economy", "business"}

# Bounded, so that arithmetic on it cannot fail.
is_count(value) if {
	is_number(value)
	value >= 0
	value <= 1000000
	floor(value) == value
}

are_payments(payments) if {
	is_array(payments)
	every payment in payments { is_object(payment) }
}

are_flights(flights) if {
	is_array(flights)
	every flight in flights {
		is_string(flight.flight_number)
		is_string(flight.date)
	}
}

# ======== Booking a reservation, and sending a certificate: calls that name a user.

violations contains "unknown-user" if {
	input.tool in user_tools
	not user
}

# What is asked for, once it is known to have its shape.
asked_flights := object.get(input.args, "flights", []) if well_formed

payments := input.args.payment_methods if well_formed

payment_id(payment) := object.get(payment, "payment_id", null)

# --- book_reservation

violations contains "too-many-passengers" if {
	well_formed
	input.tool == "book_reservation"
	user
	input.args.passengers > 5
}

violations contains "payment-not-in-profile" if {
	well_formed
	input.tool == "book_reservation"
	some payment in payments
	not user.payment_methods[payment_id(payment)]
	user
}

violations contains "payment-mix" if {
	well_formed
	input.tool == "book_reservation"
	some source, most in {"certificate": 1, "credit_card": 1, "gift_card": 3}
	count([payment |
		some payment in payments
		user.payment_methods[payment_id(payment)] == source
	]) > most
}

violations contains "baggage-undercharged" if {
	input.tool == "book_reservation"
	well_formed
	input.args.nonfree_baggages < bags_to_pay(
		user.membership,
		input.args.cabin,
		input.args.passengers,
		input.args.total_baggages,
	)
}

violations contains "flight-not-available" if {
	well_formed
	input.tool == "book_reservation"
	user
	some flight in asked_flights
	flight_state(flight) != "available"
}

# --- send_certificate

violations contains "certificate-not-eligible" if {
	well_formed
	input.tool == "send_certificate"
	user.membership == "regular"
	not has_eligible_reservation
}

violations contains "certificate-amount" if {
	input.tool == "send_certificate"
	user
	well_formed
	not is_certificate_amount(object.get(input.args, "amount", null))
}

is_certificate_amount(amount) if {
	is_number(amount)
	amount > 0
	amount <= 1000000000
	floor(amount) == amount
	amount % 50 == 0
}

# Of the user's reservations as the facts stand now.
has_eligible_reservation if {
	some candidate in input.overlay
	is_eligible(candidate)
}

has_eligible_reservation if {
	some id, candidate in data.reservations
	candidate.user_id == input.args.user_id
	not input.overlay[id]
	is_eligible(candidate)
}

is_eligible(candidate) if {
	candidate.user_id == input.args.user_id
	candidate.insurance == "yes"
}

is_eligible(candidate) if {
	candidate.user_id == input.args.user_id
	candidate.cabin == "business"
}

# ======== Calls on a reservation.

violations contains "unknown-reservation" if {
	input.tool in reservation_tools
	not reservation
}

violations contains "already-cancelled" if {
	well_formed
	reservation.status == "cancelled"
}

# --- cancel_reservation

violations contains "segment-already-flown" if {
	well_formed
	input.tool == "cancel_reservation"
	some flight in reservation.flights
	flight_state(flight) in {"landed", "flying"}
}

violations contains "cancel-not-allowed" if {
	well_formed
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
	well_formed
	input.tool == "update_reservation_passengers"
	input.args.passengers != reservation.passengers
}

# --- update_reservation_baggages

violations contains "baggage-removed" if {
	well_formed
	input.tool == "update_reservation_baggages"
	input.args.total_baggages < reservation.total_baggages
}

violations contains "baggage-undercharged" if {
	input.tool == "update_reservation_baggages"
	well_formed
	input.args.nonfree_baggages < bags_to_pay(
		object.get(data.users, [reservation.user_id, "membership"], ""),
		reservation.cabin,
		reservation.passengers,
		input.args.total_baggages,
	)
}

# --- update_reservation_flights

asked := [[flight.flight_number, flight.date] | some flight in asked_flights]

present := [[flight.flight_number, flight.date] | some flight in reservation.flights]

violations contains "basic-economy-modified" if {
	well_formed
	input.tool == "update_reservation_flights"
	reservation.cabin == "basic_economy"
	asked != present
}

first_flight := data.flights[asked_flights[0].flight_number]

last_flight := data.flights[asked_flights[count(asked_flights) - 1].flight_number]

ends_are_known if {
	first_flight
	last_flight
}

violations contains "unknown-flight" if {
	well_formed
	input.tool == "update_reservation_flights"
	reservation
	not ends_are_known
}

violations contains "route-changed" if {
	well_formed
	input.tool == "update_reservation_flights"
	ends_are_known
	[first_flight.origin, last_flight.destination] != [reservation.origin, route_end]
}

# A round trip ends where it began.
route_end := reservation.origin if reservation.flight_type == "round_trip"

route_end := reservation.destination if reservation.flight_type != "round_trip"

violations contains "flight-not-available" if {
	well_formed
	input.tool == "update_reservation_flights"
	reservation
	some flight in asked_flights
	not [flight.flight_number, flight.date] in present
	flight_state(flight) != "available"
}

# --- payment for a change

violations contains "payment-not-in-profile" if {
	well_formed
	input.tool in {"update_reservation_baggages", "update_reservation_flights"}
	reservation
	not owner.payment_methods[payment_id(input.args)]
}

violations contains "certificate-for-update" if {
	well_formed
	input.tool == "update_reservation_flights"
	owner.payment_methods[payment_id(input.args)] == "certificate"
}
