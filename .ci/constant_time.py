#!/usr/bin/env python3
"""Reads the statistics of `constant_time`: time that tells of the header shows as a large t, whichever way it goes.

usage: constant_time.py COMMAND...   runs the command, again when a neighbour on the machine disturbed it

The subjects must stay below the bound in one of the runs, for a leak shows in all of them. The branchy twins must be above
it in every run, or the measurement has gone blind.
"""
import re
import subprocess
import sys

# Beyond this, dudect's authors take it that time leaks.
BOUND = 10.0
RUNS = 3
LINE = re.compile(r"^bench (\w+) .*max t = ([-+][\d.]+)", re.MULTILINE)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    quiet = set()
    for run in range(1, RUNS + 1):
        text = subprocess.run(sys.argv[1:], check=True, capture_output=True, text=True).stdout
        found = {name: abs(float(t)) for name, t in LINE.findall(text)}
        if not any(name.endswith("_branchy") for name in found) or len(found) < 2:
            sys.exit(f"error: no statistics in the output:\n{text}")
        for name, t in found.items():
            print(f"run {run}: {name}: |t| {t:.1f}, bound {BOUND:.0f}")
            if name.endswith("_branchy"):
                if t <= BOUND:
                    sys.exit(f"error: {name} leaves early in its source, and its time did not show it")
            elif t <= BOUND:
                quiet.add(name)
        if all(name in quiet or name.endswith("_branchy") for name in found):
            return
    sys.exit(f"error: the time of {', '.join(sorted(set(found) - quiet))} tells of the header in every run")


main()
