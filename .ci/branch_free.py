#!/usr/bin/env python3
"""Looks into the assembly of the gates' subjects: the check and the pass must have no conditional jump and no call, and
their branchy twins must have one, or this script has gone blind.

usage: branch_free.py ASSEMBLY-FILE
"""
import re
import sys

# What must be free of branches, and what must not be.
FREE = ["gate_check", "gate_pass", "gate_alike", "gate_same"]
BRANCHY = ["gate_check_branchy", "gate_pass_branchy", "gate_alike_branchy", "gate_same_branchy"]
# Conditional jumps and calls: x86-64, then AArch64.
JUMP = re.compile(r"^(j(?!mp)\w+|loop\w*|b\.\w+|cbn?z|tbn?z)\b")
CALL = re.compile(r"^(call\w*|bl|blr)\b")


def body(lines, name):
    """The instructions of the function `name`, whose mangled symbol holds the length of its name before it."""
    label = re.compile(rf"^_\w*{len(name)}{name}\w*:")
    taking, found = False, []
    for line in lines:
        if label.match(line):
            taking = True
        elif taking and ".cfi_endproc" in line:
            return found
        elif taking and line.startswith("\t") and not line.startswith("\t."):
            found.append(line.strip())
    sys.exit(f"error: {name} is not in the assembly")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as file:
        lines = file.read().splitlines()
    failed = False
    for name in FREE + BRANCHY:
        code = body(lines, name)
        jumps = [line for line in code if JUMP.match(line)]
        calls = [line for line in code if CALL.match(line)]
        print(f"{name}: {len(code)} instructions, {len(jumps)} conditional jumps, {len(calls)} calls")
        if name in FREE and (jumps or calls):
            failed = True
            print(f"error: {name} must have none: {', '.join(jumps + calls)}")
        if name in BRANCHY and not jumps:
            failed = True
            print(f"error: {name} has a conditional jump in its source, and none was found")
    sys.exit(1 if failed else 0)


main()
