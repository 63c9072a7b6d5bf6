"""Changes a log in many ways and demands that `ephor audit verify` fails with exit code 3 and names the file.

Usage: tamper.py EPHOR LOG SCRATCH
"""
import os
import pathlib
import random
import shutil
import subprocess
import sys

ephor, log, scratch = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
random.seed(7)
files = sorted(path.relative_to(log) for path in log.rglob("*") if path.is_file())


def verify():
    return subprocess.run([ephor, "audit", "verify", str(scratch)], capture_output=True, text=True)


def fresh():
    shutil.rmtree(scratch, ignore_errors=True)
    shutil.copytree(log, scratch)


def must_fail(what, name):
    result = verify()
    assert result.returncode == 3, f"{what}: exit {result.returncode}: {result.stdout}{result.stderr}"
    assert str(name) in result.stderr + result.stdout, f"{what}: the file is not named: {result.stderr}"


count = 0
for name in files:
    size = (log / name).stat().st_size
    for offset in {0, size - 1, *(random.randrange(size) for _ in range(6))}:
        fresh()
        data = bytearray((scratch / name).read_bytes())
        data[offset] ^= 1 << random.randrange(8)
        (scratch / name).write_bytes(data)
        must_fail(f"{name} changed at {offset}", "checkpoint" if str(name) == "checkpoint" else name.parts[0])
        count += 1
    for cut in (1, size // 2, size):
        fresh()
        os.truncate(scratch / name, size - cut)
        must_fail(f"{name} cut by {cut}", name.parts[0])
        count += 1
    fresh()
    (scratch / name).unlink()
    must_fail(f"{name} removed", name.parts[0])
    count += 1
fresh()
(scratch / "note.txt").write_text("added")
must_fail("a file added", "note.txt")
print(f"  {count + 1} changes, all found")
