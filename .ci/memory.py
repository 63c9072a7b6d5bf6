"""Feeds a trace once and a hundred times over and compares the peaks of resident memory.

Usage: memory.py EPHOR AIRLINE_DIR SCRATCH
"""
import os
import pathlib
import sys

ephor, airline, scratch = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
trace = (airline / "calls.jsonl").read_bytes()


def peak_kib(times):
    path = scratch / f"trace{times}.jsonl"
    with open(path, "wb") as out:
        for _ in range(times):
            out.write(trace)
    command = [ephor, "replay", "--quiet", "--trace", str(path), "--facts", str(airline), "--audit", str(scratch / f"log{times}")]
    child = os.fork()
    if child == 0:
        os.execv(ephor, command)
    _, status, usage = os.wait4(child, 0)
    assert status == 0, f"{times} times: status {status}"
    path.unlink()
    return usage.ru_maxrss


once, long = peak_kib(1), peak_kib(100)
print(f"  peak {once} KiB for the trace once, {long} KiB for a hundred times")
assert long <= once * 1.10, "memory grows with the length of the trace"
