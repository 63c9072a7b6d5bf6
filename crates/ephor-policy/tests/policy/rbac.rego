# Who may do what on a small document store: the policy that the tests of this crate run.
package rbac

# Every broken rule by name; the empty set permits.
violations contains "unknown-subject" if not data.subjects[input.subject]

violations contains "role-lacks-action" if {
	data.subjects[input.subject]
	not granted
}

violations contains "document-locked" if {
	input.action == "write"
	document.locked
}

granted if {
	some role in data.subjects[input.subject]
	input.action in data.roles[role]
}

# A document that was changed earlier in the run comes with the input.
document := input.overlay[input.document]

document := data.documents[input.document] if not input.overlay[input.document]
