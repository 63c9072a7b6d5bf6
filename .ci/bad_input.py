"""Runs `ephor replay` on bad input and demands exit code 2 and an error that names file, line and value.

Usage: bad_input.py EPHOR AIRLINE_DIR SCRATCH
"""
import json
import pathlib
import subprocess
import sys

ephor, airline, scratch = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]) / "bad"
scratch.mkdir()
good = (airline / "calls.jsonl").read_text().splitlines()[:200]
counter = 0


def run(*options, code=2, names=()):
    global counter
    counter += 1
    command = [ephor, "replay", "--quiet", *map(str, options)]
    if "--audit" not in options:
        command += ["--audit", str(scratch / f"log{counter}")]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == code, f"{options}: exit {result.returncode}: {result.stderr}"
    assert "panicked" not in result.stderr, result.stderr
    for name in names:
        assert str(name) in result.stderr, f"{options}: `{name}` is not named: {result.stderr}"
    return result


def bad_trace(what, text, *names):
    """A bad line 101 behind 100 good ones: what came before is replayed, and the files are whole."""
    trace = scratch / f"{what}.jsonl"
    raw = text if isinstance(text, bytes) else text.encode()
    trace.write_bytes("\n".join(good[:100]).encode() + b"\n" + raw + b"\n" + "\n".join(good[101:]).encode())
    report, decisions, log = scratch / f"{what}.json", scratch / f"{what}.d", scratch / f"{what}.log"
    run("--trace", trace, "--facts", airline, "--json", report, "--decisions", decisions, "--audit", log, names=[f"{trace}:101", *names])
    ledger = json.loads(report.read_text())["ledger"]
    assert ledger["sent"] == 100 and ledger["in_flight"] == 0, ledger
    lines = decisions.read_text().splitlines()
    assert len(lines) == sum('"kind":"command"' in line for line in good[:100])
    for line in lines:
        json.loads(line)
    verified = subprocess.run([ephor, "audit", "verify", str(log)], capture_output=True, text=True)
    assert verified.returncode == 0, verified.stderr


def changed(**fields):
    line = json.loads(good[5])
    assert line["kind"] == "query"
    line["run"], line["step"] = "x", 0
    for key, value in fields.items():
        if value is None:
            line.pop(key)
        else:
            line[key] = value
    return json.dumps(line)


bad_trace("agent", changed(to="pilot"), "pilot")
bad_trace("tool", changed(tool="fly"), "fly")
bad_trace("kind", changed(kind="wish"), "wish")
bad_trace("json", "{\"run\":", "JSON")
bad_trace("array", "[1,2]", "object")
bad_trace("field", changed(step=None), "step")
bad_trace("type", changed(step="three"), "step")
bad_trace("long", json.dumps({"run": "x" * 70_000}), "65536")
bad_trace("args", changed(args={"user_id": "y" * 5_000}), "4096")
bad_trace("utf8", b"{\"run\":\"\xff\xfe\"}")
bad_trace("query-as-command", changed(kind="command"), "get_user_details")

run("--trace", scratch / "none.jsonl", names=["none.jsonl"])
run("--facts", scratch / "nowhere", names=["nowhere"])
run("--policy", scratch / "nowhere", names=["nowhere"])
empty = scratch / "empty"
empty.mkdir()
run("--policy", empty, names=["empty"])
broken = scratch / "broken"
broken.mkdir()
(broken / "a.rego").write_text("package airline\n\nviolations contains x if {\n")
run("--policy", broken, names=["a.rego"])
charter = scratch / "charter.toml"
charter.write_text("name = \"x\"\nrolez = 3\n")
run("--charter", charter, names=["charter.toml:2", "rolez"])
run("--charter", scratch / "none.toml", names=["none.toml"])
facts = scratch / "facts"
facts.mkdir()
for name in ("reservations.json", "users.json", "flights.json"):
    (facts / name).write_text("{}" if name != "users.json" else "{\n\"a\": }")
run("--facts", facts, names=["users.json:2"])
arrivals = scratch / "arrivals.csv"
arrivals.write_text("t_us,context_tokens,generated_tokens\n0,1,1\nsoon,1,1\n")
run("--arrivals", arrivals, names=["arrivals.csv:3", "soon"])
occupied = scratch / "occupied"
occupied.mkdir()
(occupied / "file").write_text("x")
run("--audit", occupied, names=["occupied"])
run("--audit", pathlib.Path("/proc/nowhere"), names=["/proc/nowhere"])
run("--json", scratch / "nowhere" / "r.json", names=["r.json"])
run("--decisions", scratch / "nowhere" / "d.jsonl", names=["d.jsonl"])
for option, value in (("--workers", "0"), ("--speed", "2"), ("--inject", "panic:pilot@1"), ("--inject", "panic:desk@0"), ("--inject", "faint:desk@1")):
    run(option, value, names=[value] if option != "--speed" else ["--arrivals"])
print(f"  {counter} runs, all refused as they should be")
