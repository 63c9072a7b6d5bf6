#!/usr/bin/env python3
"""Holds the instruction counts of a run of `cargo bench --bench counts -- --output-format=json` against the recorded ones.

usage: counts.py RECORD < JSON-LINES          fails when a count is more than 2 % away, or is missing
       counts.py --write RECORD < JSON-LINES  records them anew
"""
import json
import sys

# How far a count may be from the recorded one.
TOLERANCE = 0.02
# The twin of a subject, with a conditional more: what the gate must see. It is not recorded.
TWIN = "_branchy"


def counted(lines):
    """Instructions by bench."""
    counts = {}
    for line in lines:
        if line.startswith("{"):
            run = json.loads(line)
            total = run["profiles"][0]["data"]["total"]["metrics"]
            counts[f"{run['function_name']}.{run['id']}"] = total["Ir"]["values"]["new"]
    return counts


def main():
    arguments = sys.argv[1:]
    is_write = arguments[:1] == ["--write"]
    if len(arguments) != 1 + is_write:
        sys.exit(__doc__)
    path = arguments[-1]
    counts = counted(sys.stdin)
    twins = {name.replace(TWIN, ""): counts.pop(name) for name in list(counts) if TWIN in name}
    if not counts or not twins:
        sys.exit("error: the standard input lacks counts, or those of a twin with a conditional more")
    if is_write:
        with open(path, "w", encoding="utf-8") as file:
            json.dump(counts, file, indent=2)
            file.write("\n")
        return
    with open(path, encoding="utf-8") as file:
        record = json.load(file)
    failed = False
    for name, twin in twins.items():
        if abs(twin / record[name] - 1) <= TOLERANCE:
            failed = True
            print(f"error: a conditional more in {name} would not be seen: {twin} instructions beside {record[name]}")
    for name in sorted(record.keys() | counts.keys()):
        was, now = record.get(name), counts.get(name)
        if was is None or now is None:
            failed = True
            print(f"error: {name}: recorded {was}, counted {now}")
            continue
        change = now / was - 1
        print(f"{name}: {now} instructions, recorded {was}, {change:+.2%}")
        if abs(change) > TOLERANCE:
            failed = True
            print(f"error: {name} is more than {TOLERANCE:.0%} away; if that is meant, record it: {sys.argv[0]} --write {path}")
    sys.exit(1 if failed else 0)


main()
