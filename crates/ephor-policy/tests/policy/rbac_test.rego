package rbac_test

import data.rbac

ask(subject, action) := {"subject": subject, "action": action, "document": "plan", "overlay": {}}

test_editor_writes if rbac.violations == set() with input as ask("ada", "write")

test_reader_does_not_write if {
	rbac.violations == {"role-lacks-action"} with input as ask("bob", "write")
}

test_stranger_is_named if {
	rbac.violations == {"unknown-subject"} with input as ask("eve", "read")
}

test_overlay_wins if {
	changed := object.union(ask("ada", "write"), {"overlay": {"plan": {"locked": true}}})
	rbac.violations == {"document-locked"} with input as changed
}
