"""Compares a replay's decisions with the labels of its trace, and checks that its ledger adds up.

Usage: compare.py [--injected AGENT] TRACE DECISIONS REPORT
"""
import json
import sys

arguments = sys.argv[1:]
injected = None
if arguments[0] == "--injected":
    injected, arguments = arguments[1], arguments[2:]
trace, decisions, report = arguments

lines = [json.loads(line) for line in open(trace)]
commands = [line for line in lines if line["kind"] == "command"]
decided = [json.loads(line) for line in open(decisions)]
report = json.load(open(report))

assert len(decided) == len(commands), f"{len(decided)} decisions for {len(commands)} commands"
differ = 0
for command, decision in zip(commands, decided):
    place = f"{command['run']}:{command['step']} {command['tool']}"
    assert (decision["run"], decision["step"], decision["tool"]) == (command["run"], command["step"], command["tool"]), place
    assert (decision["decision"] == "deny") == bool(decision["reasons"]), place
    if decision["reasons"] == ["quarantined"] and injected == "policy":
        differ += 1
    else:
        assert decision["reasons"] == command["violations"], f"{place}: {decision['reasons']}, not {command['violations']}"
assert differ == (1 if injected == "policy" else 0), f"{differ} commands in quarantine"

ledger = report["ledger"]
assert ledger["sent"] == len(lines), f"{ledger['sent']} sent of {len(lines)} lines"
assert ledger["in_flight"] == 0
assert ledger["sent"] == ledger["handled"] + sum(ledger["lost"].values())
denied = sum(1 for command in commands if command["violations"])
total = report["commands"]
assert total["total"] == len(commands) == total["permitted"] + total["denied"]
if injected is None:
    assert total["denied"] == denied and ledger["lost"] == ({"denied": denied} if denied else {}), ledger
    assert report["cache"]["hits"] + report["cache"]["misses"] == report["decision_ns"]["count"] == len(commands)
    assert report["recoveries"] == 0 and report["health"]["lowest_score"] == 1.0
else:
    assert ledger["lost"].get("quarantined") == 1, ledger
    (message,) = report["quarantine"]
    assert message["agent"] == injected and message["crashes"] == 2 and message["bytes_hex"], message
    assert report["recoveries"] >= 1, report["recoveries"]
    assert report["health"]["lowest_score"] < 1.0 == report["health"]["score"], report["health"]
    assert report["health"]["status"] == "healthy"
print(f"  {len(commands)} decisions, {total['denied']} denied; sent {ledger['sent']} = handled {ledger['handled']} + {ledger['lost']}")
