# Booking a reservation, and sending a certificate: calls that name a user.
package airline

violations contains "unknown-user" if {
	input.tool in user_tools
	not user
}

# --- book_reservation

violations contains "too-many-passengers" if {
	input.tool == "book_reservation"
	user
	input.args.passengers > 5
}

violations contains "payment-not-in-profile" if {
	input.tool == "book_reservation"
	some payment in input.args.payment_methods
	not user.payment_methods[payment.payment_id]
	user
}

violations contains "payment-mix" if {
	input.tool == "book_reservation"
	some source, most in {"certificate": 1, "credit_card": 1, "gift_card": 3}
	count([payment |
		some payment in input.args.payment_methods
		user.payment_methods[payment.payment_id] == source
	]) > most
}

violations contains "baggage-undercharged" if {
	input.tool == "book_reservation"
	input.args.nonfree_baggages < bags_to_pay(
		user.membership,
		input.args.cabin,
		input.args.passengers,
		input.args.total_baggages,
	)
}

violations contains "flight-not-available" if {
	input.tool == "book_reservation"
	user
	some flight in input.args.flights
	flight_state(flight) != "available"
}

# --- send_certificate

violations contains "certificate-not-eligible" if {
	input.tool == "send_certificate"
	user.membership == "regular"
	not has_eligible_reservation
}

violations contains "certificate-amount" if {
	input.tool == "send_certificate"
	user
	not is_certificate_amount(input.args.amount)
}

is_certificate_amount(amount) if {
	amount > 0
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
