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
# type, is `malformed-call`: it is never let through because a rule could not be evaluated.
package airline

reservation_tools := {
	"cancel_reservation",
	"update_reservation_passengers",
	"update_reservation_baggages",
	"update_reservation_flights",
}

user_tools := {"book_reservation", "send_certificate"}

violations contains "unknown-tool" if not input.tool in (reservation_tools | user_tools)

violations contains "malformed-call" if not well_formed

# The user of a call that names one.
user := data.users[input.args.user_id] if input.tool in user_tools

# The reservation of a call on one, as it is now in this run.
reservation := reservation_now(input.args.reservation_id) if input.tool in reservation_tools

reservation_now(id) := input.overlay[id]

reservation_now(id) := data.reservations[id] if not input.overlay[id]

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
