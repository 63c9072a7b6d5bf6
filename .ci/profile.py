#!/usr/bin/env python3
"""Looks at a report of `ephor profile`.

profile.py ended REPORT CODE ERRORS  the exit code is what the report calls for, what was missed is named, and is of speed alone
profile.py counts REPORT             all that is counted and not timed is as it must be
profile.py same REPORT               beside a run of the same binary it names no regression
profile.py trace REPORT              the counts of the airline trace
profile.py between REPORT            prints targets that a decision from the cache meets as it is there, and twice as slow misses
profile.py slower REPORT CODE ERRORS it names the decision from the cache as a regression, nothing else, and misses that target
"""
import json
import sys

# What the machine decides. The other targets hold on any.
SPEED = {"latency_p99", "throughput"}
# What takes twice as long in the binary of `.ci/baseline`, and what goes by the same way.
PLANTED = "policy_hit_mean"
ALIKE = {"policy_hit_p50", "policy_hit_p99", "policy_miss_p50", "policy_miss_p99", "policy_miss_mean"}
# Where the target lies: as far from the ordinary binary as from the slow one.
BETWEEN = 1.4


def fail(why):
    print(f"error: {why}")
    sys.exit(1)


def metric(report, name):
    for one in report["metrics"]:
        if one["name"] == name:
            return one
    fail(f"{name} was not measured")


def ended(report, code, errors):
    said = open(errors).read()
    if "panicked" in said:
        fail(f"a panic: {said}")
    missed = [target["metric"] for target in report["targets"] if not target["met"]]
    suite = [f"{check['group']}: {check['sentence']}: {check['why']}" for check in report["suite"]["checks"] if check["status"] == "failed"]
    faults = [f"{fault['name']}: {fault['why']}" for fault in report["faults"] if fault["status"] == "failed"]
    actions = [action for phase in report["phases"] for action in phase["actions"] if action["status"] == "failed"]
    excused = {"compare_to_targets"} if missed else set()
    others = [f"{action['name']}: {action['summary']}" for action in actions if action["name"] not in excused]
    if code != (1 if missed or actions or suite or faults else 0):
        fail(f"code {code} with {missed} missed, failed {actions}: {said}")
    if missed and f"targets missed: {', '.join(missed)}" not in said:
        fail(f"{missed} are missed, and it said: {said}")
    if set(missed) - SPEED:
        fail(f"missed: {[target for target in report['targets'] if not target['met']]}")
    if suite or faults or others:
        fail("; ".join(suite + faults + others))
    for target in report["targets"]:
        if not target["met"]:
            print(f"note: {target['metric']} is missed on this machine: {target['why']}")


def counts(report):
    if report["suite"]["passed"] < 89:
        fail(f"{report['suite']['passed']} checks passed")
    if len(report["faults"]) != 5:
        fail(f"{len(report['faults'])} faults instead of 5")
    names = [action["name"] for phase in report["phases"] for action in phase["actions"]]
    if len(names) != 14:
        fail(f"{len(names)} actions instead of 14: {names}")
    print(f"{report['suite']['passed']} checks and {len(report['faults'])} faults in {report['seconds']:.1f} s")


def same(report):
    comparison = report["comparison"] or fail("no comparison")
    worse = [change for change in comparison["changes"] if change["verdict"] == "worse"]
    if worse:
        fail(f"false regressions between two runs of one binary: {worse}")
    judged = [change for change in comparison["changes"] if change["verdict"] in ("same", "better")]
    if not judged:
        fail("no figure was judged")
    print(f"{len(judged)} figures compared at a confidence of {comparison['confidence']}, none worse")


def between(report):
    bound = BETWEEN * metric(report, PLANTED)["value"]
    print(f'[targets]\n{PLANTED} = {{ below = {bound:.3f}, unit = "ns" }}')


def slower(report, code, errors):
    said = open(errors).read()
    comparison = report["comparison"] or fail("no comparison")
    worse = {change["metric"]: change["why"] for change in comparison["changes"] if change["verdict"] == "worse"}
    if others := worse.keys() - ALIKE - {PLANTED}:
        fail(f"false regressions: {[(name, worse[name]) for name in others]}")
    if PLANTED not in worse:
        fail(f"{[change for change in comparison['changes'] if change['metric'] == PLANTED]} is no regression")
    if code != 1 or f"targets missed: {PLANTED}\n" not in said:
        fail(f"code {code}, and it said: {said}")
    print(f"{', '.join(worse)} named: {PLANTED} {worse[PLANTED]}")


def trace(report):
    compliance = metric(report, "compliance")["ratio"]
    first = metric(report, "cache_hit_rate_first_pass")["ratio"]
    if (compliance["numerator"], compliance["denominator"]) != (1210, 1210):
        fail(f"compliance: {compliance}")
    if first["denominator"] != 121:
        fail(f"first pass: {first}")
    if [curve["pacing"] for curve in report["curves"]] != ["constant", "poisson", "arrivals"]:
        fail("the curve of arrivals is missing")
    print(f"compliance {compliance}, first pass {first}")


def main():
    what, report = sys.argv[1], json.load(open(sys.argv[2]))
    if what in ("ended", "slower"):
        {"ended": ended, "slower": slower}[what](report, int(sys.argv[3]), sys.argv[4])
    else:
        {"counts": counts, "same": same, "trace": trace, "between": between}[what](report)


main()
