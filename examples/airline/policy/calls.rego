# Which arguments each call must bring, and of which types.
package airline

default well_formed := false

well_formed if {
	input.tool == "book_reservation"
	is_string(input.args.user_id)
	input.args.cabin in cabins
	is_count(input.args.passengers)
	is_count(input.args.total_baggages)
	is_count(input.args.nonfree_baggages)
	is_array(input.args.payment_methods)
	every payment in input.args.payment_methods { is_string(payment.payment_id) }
	are_flights(input.args.flights)
}

well_formed if {
	input.tool == "send_certificate"
	is_string(input.args.user_id)
	is_number(input.args.amount)
}

well_formed if {
	input.tool == "cancel_reservation"
	is_string(input.args.reservation_id)
}

well_formed if {
	input.tool == "update_reservation_passengers"
	is_string(input.args.reservation_id)
	is_count(input.args.passengers)
}

well_formed if {
	input.tool == "update_reservation_baggages"
	is_string(input.args.reservation_id)
	is_count(input.args.total_baggages)
	is_count(input.args.nonfree_baggages)
	is_string(input.args.payment_id)
}

well_formed if {
	input.tool == "update_reservation_flights"
	is_string(input.args.reservation_id)
	are_flights(input.args.flights)
	is_string(input.args.payment_id)
}

cabins := {"basic_economy", "economy", "business"}

is_count(value) if {
	is_number(value)
	value >= 0
	floor(value) == value
}

are_flights(flights) if {
	is_array(flights)
	every flight in flights {
		is_string(flight.flight_number)
		is_string(flight.date)
	}
}
