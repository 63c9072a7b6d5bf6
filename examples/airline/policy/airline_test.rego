# For each rule one call that breaks it, and nothing else, and one that just does not; and the corners between.
package airline_test

import data.airline

# --- facts of our own

users := {
	"rita": {"membership": "regular", "reservations": ["ECO"], "payment_methods": {
		"card": "credit_card",
		"card2": "credit_card",
		"paper": "certificate",
		"paper2": "certificate",
		"gift1": "gift_card",
		"gift2": "gift_card",
		"gift3": "gift_card",
		"gift4": "gift_card",
	}},
	"sam": {"membership": "silver", "reservations": [], "payment_methods": {"card": "credit_card"}},
	"gus": {"membership": "gold", "reservations": [], "payment_methods": {"card": "credit_card"}},
	"nora": {"membership": "regular", "reservations": [], "payment_methods": {"card": "credit_card"}},
}

flights := {
	"F1": {"origin": "AAA", "destination": "BBB", "dates": {
		"2024-05-10": "landed",
		"2024-05-15": "flying",
		"2024-05-16": "delayed",
		"2024-05-17": "cancelled",
		"2024-05-18": "on time",
		"2024-05-20": "available",
		"2024-05-21": "available",
	}},
	"F2": {"origin": "BBB", "destination": "CCC", "dates": {"2024-05-20": "available", "2024-05-21": "cancelled"}},
	"F3": {"origin": "BBB", "destination": "AAA", "dates": {"2024-05-25": "available"}},
}

leg(number, date) := {"flight_number": number, "date": date}

old := "2024-05-01T00:00:00"

base := {
	"reservation_id": "ECO",
	"user_id": "rita",
	"origin": "AAA",
	"destination": "BBB",
	"flight_type": "one_way",
	"cabin": "economy",
	"flights": [leg("F1", "2024-05-20")],
	"passengers": 2,
	"created_at": old,
	"total_baggages": 2,
	"nonfree_baggages": 0,
	"insurance": "no",
	"status": "active",
}

reservations := {
	"ECO": base,
	"BASIC": object.union(base, {"reservation_id": "BASIC", "cabin": "basic_economy"}),
	"ROUND": object.union(base, {
		"reservation_id": "ROUND",
		"flight_type": "round_trip",
		"flights": [leg("F1", "2024-05-20"), leg("F3", "2024-05-25")],
	}),
}

judge(tool, args, overlay) := broken if {
	broken := airline.violations with input as {"tool": tool, "args": args, "overlay": overlay}
		with data.users as users
		with data.reservations as reservations
		with data.flights as flights
}

changed(fields) := {"ECO": object.union(base, fields)}

# --- all calls

test_an_unknown_tool_is_not_permitted if {
	"unknown-tool" in judge("fly", {}, {})
}

test_a_call_without_its_arguments_is_not_permitted if {
	every tool in airline.user_tools { judge(tool, {}, {}) == {"unknown-user"} }
	every tool in airline.reservation_tools { judge(tool, {}, {}) == {"unknown-reservation"} }
}

test_arguments_of_another_type_are_malformed_and_nothing_else_is_judged if {
	every fields in [
		{"passengers": "two"},
		{"passengers": 2.5},
		{"passengers": 1e300},
		{"total_baggages": -1},
		{"nonfree_baggages": null},
		{"cabin": "first"},
		{"payment_methods": "card"},
		{"payment_methods": ["card"]},
		{"flights": "F1"},
		{"flights": [{"flight_number": "F1"}]},
	] {
		book(fields) == {"malformed-call"}
	}
	judge("update_reservation_flights", object.union(reflight, {"reservation_id": "BASIC", "flights": 7}), {}) == {"malformed-call"}
	judge("update_reservation_passengers", {"reservation_id": "ECO"}, {}) == {"malformed-call"}
	judge("update_reservation_baggages", {"reservation_id": "ECO", "total_baggages": "2"}, {}) == {"malformed-call"}
}

test_what_is_missing_breaks_the_rule_that_asks_for_it if {
	book({"payment_methods": [{}]}) == {"payment-not-in-profile"}
	judge("update_reservation_baggages", object.remove(rebag, ["payment_id"]), {}) == {"payment-not-in-profile"}
	judge("update_reservation_flights", object.remove(reflight, ["payment_id"]), {}) == {"payment-not-in-profile"}
	judge("update_reservation_flights", object.remove(reflight, ["flights"]), {}) == {"unknown-flight"}
	judge("send_certificate", {"user_id": "sam"}, {}) == {"certificate-amount"}
}

# --- book_reservation

booking := {
	"user_id": "rita",
	"cabin": "economy",
	"passengers": 2,
	"total_baggages": 2,
	"nonfree_baggages": 0,
	"payment_methods": [{"payment_id": "card", "amount": 100}],
	"flights": [leg("F1", "2024-05-20")],
}

book(fields) := judge("book_reservation", object.union(booking, fields), {})

test_a_booking_in_order_is_permitted if book({}) == set()

test_unknown_user_stands_alone if {
	book({"user_id": "nobody", "passengers": 9, "flights": [leg("F9", "2024-05-20")]}) == {"unknown-user"}
}

test_too_many_passengers_are_six if {
	book({"passengers": 6}) == {"too-many-passengers"}
	book({"passengers": 5}) == set()
}

pay(ids) := book({"payment_methods": [{"payment_id": id, "amount": 1} | some id in ids]})

test_payment_not_in_profile if {
	pay(["card", "stranger"]) == {"payment-not-in-profile"}
	pay(["card", "paper"]) == set()
}

test_payment_mix if {
	pay(["paper", "paper2"]) == {"payment-mix"}
	pay(["card", "card2"]) == {"payment-mix"}
	pay(["gift1", "gift2", "gift3", "gift4"]) == {"payment-mix"}
	pay(["paper", "card", "gift1", "gift2", "gift3"]) == set()
}

test_the_same_certificate_twice_is_two if pay(["paper", "paper"]) == {"payment-mix"}

test_unknown_payments_do_not_count_in_the_mix if {
	pay(["card", "stranger", "stranger2"]) == {"payment-not-in-profile"}
}

bags(user, cabin, total, nonfree) := book({
	"user_id": user,
	"cabin": cabin,
	"total_baggages": total,
	"nonfree_baggages": nonfree,
})

test_free_bags_by_membership_and_cabin if {
	free := {
		"rita": {"basic_economy": 0, "economy": 1, "business": 2},
		"sam": {"basic_economy": 1, "economy": 2, "business": 3},
		"gus": {"basic_economy": 2, "economy": 3, "business": 3},
	}
	every user, by_cabin in free {
		every cabin, each in by_cabin {
			bags(user, cabin, 2 * each, 0) == set()
			bags(user, cabin, (2 * each) + 1, 0) == {"baggage-undercharged"}
			bags(user, cabin, (2 * each) + 1, 1) == set()
		}
	}
}

test_more_paid_bags_than_needed_are_permitted if bags("rita", "economy", 0, 2) == set()

test_flight_not_available_for_a_booking if {
	book({"flights": [leg("F1", "2024-05-20"), leg("F2", "2024-05-20")]}) == set()
	every flight in [
		leg("F9", "2024-05-20"),
		leg("F1", "2024-06-01"),
		leg("F1", "2024-05-16"),
		leg("F1", "2024-05-18"),
		leg("F1", "2024-05-15"),
	] {
		book({"flights": [leg("F1", "2024-05-20"), flight]}) == {"flight-not-available"}
	}
}

test_a_call_may_break_several_rules if {
	book({"passengers": 6, "total_baggages": 7, "flights": [leg("F9", "2024-05-20")]}) == {
		"too-many-passengers",
		"baggage-undercharged",
		"flight-not-available",
	}
}

# --- send_certificate

certify(user, amount, overlay) := judge("send_certificate", {"user_id": user, "amount": amount}, overlay)

test_a_certificate_for_an_unknown_user if certify("nobody", 33, {}) == {"unknown-user"}

test_certificate_not_eligible if {
	certify("rita", 100, {}) == {"certificate-not-eligible"}
	certify("nora", 100, {}) == {"certificate-not-eligible"}
	certify("sam", 100, {}) == set()
	certify("gus", 100, {}) == set()
}

test_insurance_or_business_makes_a_regular_member_eligible if {
	certify("rita", 100, changed({"insurance": "yes"})) == set()
	certify("rita", 100, changed({"cabin": "business"})) == set()
}

test_only_the_overlay_makes_eligible_and_only_for_its_user if {
	booked := {"NEW": object.union(base, {"reservation_id": "NEW", "user_id": "nora", "insurance": "yes"})}
	certify("nora", 100, booked) == set()
	certify("rita", 100, booked) == {"certificate-not-eligible"}
}

test_the_overlay_takes_eligibility_away if {
	call := {"tool": "send_certificate", "args": {"user_id": "rita", "amount": 50}}
	insured := {"ECO": object.union(base, {"insurance": "yes"})}
	before := airline.violations with input as object.union(call, {"overlay": {}})
		with data.users as users
		with data.flights as flights
		with data.reservations as insured
	before == set()
	after := airline.violations with input as object.union(call, {"overlay": changed({"insurance": "no"})})
		with data.users as users
		with data.flights as flights
		with data.reservations as insured
	after == {"certificate-not-eligible"}
}

test_certificate_amount if {
	every amount in [50, 100, 1000] { certify("sam", amount, {}) == set() }
	every amount in [0, -50, 49, 51, 75, 50.5, 1e308, 99999999999999999999999999999950, "50", true, null] { certify("sam", amount, {}) == {"certificate-amount"} }
}

# --- all calls on a reservation

on_reservation := {
	"cancel_reservation": {"reservation_id": "ECO"},
	"update_reservation_passengers": {"reservation_id": "ECO", "passengers": 2},
	"update_reservation_baggages": rebag,
	"update_reservation_flights": reflight,
}

test_unknown_reservation_stands_alone if {
	every tool, args in on_reservation {
		judge(tool, object.union(args, {"reservation_id": "NONE"}), {}) == {"unknown-reservation"}
	}
}

test_a_reservation_of_the_overlay_is_known if {
	booked := {"NEW": object.union(base, {"reservation_id": "NEW", "insurance": "yes"})}
	every tool, args in on_reservation {
		judge(tool, object.union(args, {"reservation_id": "NEW"}), booked) == set()
	}
}

test_already_cancelled if {
	cancelled := changed({"status": "cancelled", "insurance": "yes"})
	every tool, args in on_reservation { judge(tool, args, cancelled) == {"already-cancelled"} }
	every tool, args in on_reservation { judge(tool, args, changed({"insurance": "yes"})) == set() }
}

test_the_other_rules_are_judged_when_it_is_cancelled_already if {
	cancel(changed({"status": "cancelled"})) == {"already-cancelled", "cancel-not-allowed"}
}

# --- cancel_reservation

cancel(overlay) := judge("cancel_reservation", {"reservation_id": "ECO"}, overlay)

test_cancel_not_allowed if cancel({}) == {"cancel-not-allowed"}

test_cancel_within_a_day_of_booking if {
	cancel(changed({"created_at": "2024-05-14T15:00:00"})) == set()
	cancel(changed({"created_at": "2024-05-15T15:00:00"})) == set()
	cancel(changed({"created_at": "2024-05-14T14:59:59"})) == {"cancel-not-allowed"}
}

test_cancel_when_the_airline_cancelled_a_flight if {
	cancel(changed({"flights": [leg("F1", "2024-05-20"), leg("F1", "2024-05-17")]})) == set()
}

test_cancel_business_or_insured if {
	cancel(changed({"cabin": "business"})) == set()
	cancel(changed({"insurance": "yes"})) == set()
}

flown(date) := cancel(changed({"insurance": "yes", "flights": [leg("F1", "2024-05-20"), leg("F1", date)]}))

test_segment_already_flown if {
	flown("2024-05-10") == {"segment-already-flown"}
	flown("2024-05-15") == {"segment-already-flown"}
	every date in ["2024-05-16", "2024-05-17", "2024-05-18", "2024-05-21", "2024-06-30"] { flown(date) == set() }
}

# --- update_reservation_passengers

people(count) := judge("update_reservation_passengers", {"reservation_id": "ECO", "passengers": count}, {})

test_passenger_count_changed if {
	people(2) == set()
	people(1) == {"passenger-count-changed"}
	people(3) == {"passenger-count-changed"}
}

# --- update_reservation_baggages

rebag := {"reservation_id": "ECO", "total_baggages": 2, "nonfree_baggages": 0, "payment_id": "card"}

rebagged(fields, overlay) := judge("update_reservation_baggages", object.union(rebag, fields), overlay)

test_baggage_removed if {
	rebagged({"total_baggages": 1}, {}) == {"baggage-removed"}
	rebagged({"total_baggages": 2}, {}) == set()
}

test_baggage_undercharged_for_a_change if {
	rebagged({"total_baggages": 3}, {}) == {"baggage-undercharged"}
	rebagged({"total_baggages": 3, "nonfree_baggages": 1}, {}) == set()
	rebagged({"total_baggages": 3}, changed({"passengers": 3})) == set()
	rebagged({"total_baggages": 3}, changed({"cabin": "business"})) == set()
	rebagged({"total_baggages": 3}, changed({"user_id": "sam"})) == set()
}

test_payment_not_in_profile_for_baggages if {
	rebagged({"payment_id": "stranger"}, {}) == {"payment-not-in-profile"}
	rebagged({"payment_id": "gift1"}, changed({"user_id": "sam"})) == {"payment-not-in-profile"}
	rebagged({"payment_id": "gift1"}, {}) == set()
}

test_a_certificate_pays_for_baggages if rebagged({"payment_id": "paper"}, {}) == set()

# --- update_reservation_flights

reflight := {"reservation_id": "ECO", "flights": [leg("F1", "2024-05-20")], "payment_id": "card", "cabin": "economy"}

reflown(fields) := judge("update_reservation_flights", object.union(reflight, fields), {})

test_basic_economy_modified if {
	reflown({"reservation_id": "BASIC"}) == set()
	reflown({"reservation_id": "BASIC", "cabin": "business"}) == set()
	reflown({"reservation_id": "BASIC", "flights": [leg("F1", "2024-05-21")]}) == {"basic-economy-modified"}
	reflown({"flights": [leg("F1", "2024-05-21")]}) == set()
}

test_unknown_flight_stands_in_for_route_changed if {
	reflown({"flights": []}) == {"unknown-flight"}
	reflown({"flights": [leg("F9", "2024-05-20"), leg("F1", "2024-05-20")]}) == {
		"unknown-flight",
		"flight-not-available",
	}
	reflown({"flights": [leg("F1", "2024-05-20"), leg("F9", "2024-05-20")]}) == {
		"unknown-flight",
		"flight-not-available",
	}
	reflown({"flights": [leg("F1", "2024-05-20"), leg("F9", "2024-05-20"), leg("F1", "2024-05-21")]}) == {
		"flight-not-available",
	}
}

test_route_changed if {
	reflown({"flights": [leg("F2", "2024-05-20")]}) == {"route-changed"}
	reflown({"flights": [leg("F1", "2024-05-20"), leg("F2", "2024-05-20")]}) == {"route-changed"}
	reflown({"flights": [leg("F1", "2024-05-21")]}) == set()
}

test_a_round_trip_ends_where_it_began if {
	there_and_back := [leg("F1", "2024-05-21"), leg("F3", "2024-05-25")]
	reflown({"reservation_id": "ROUND", "flights": there_and_back}) == set()
	reflown({"reservation_id": "ROUND", "flights": [leg("F1", "2024-05-21")]}) == {"route-changed"}
	reflown({"flights": there_and_back}) == {"route-changed"}
}

test_flight_not_available_for_a_change if {
	reflown({"flights": [leg("F1", "2024-05-16")]}) == {"flight-not-available"}
	reflown({"flights": [leg("F1", "2024-06-30")]}) == {"flight-not-available"}
}

test_a_flight_of_the_reservation_need_not_be_available if {
	kept := leg("F1", "2024-05-16")
	judge("update_reservation_flights", object.union(reflight, {"flights": [kept]}), changed({"flights": [kept]})) == set()
}

test_payment_for_a_change_of_flights if {
	reflown({"payment_id": "stranger"}) == {"payment-not-in-profile"}
	reflown({"payment_id": "paper"}) == {"certificate-for-update"}
	reflown({"payment_id": "gift1"}) == set()
}
