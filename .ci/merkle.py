"""Checks a log with nothing of Ephor's: reads the entries by the tlog-tiles layout, computes the RFC 6962 root, and
compares it with the checkpoint, and every hash tile with the tree. The signature is left to `ephor audit verify`.

Usage: merkle.py LOG
"""
import base64
import hashlib
import pathlib
import sys

log = pathlib.Path(sys.argv[1])
note = (log / "checkpoint").read_text()
text, _, signatures = note.partition("\n\n")
origin, size, root = text.split("\n")
size = int(size)
assert signatures.startswith(f"\u2014 {origin} "), "the signature is not by the log's own name"


def path(level, index, width):
    parts = [f"x{part:03d}" for part in groups(index)[:-1]] + [f"{groups(index)[-1]:03d}"]
    name = "/".join(parts)
    return log / "tile" / str(level) / (name if width == 256 else f"{name}.p/{width}")


def groups(index):
    parts = [index % 1000]
    while index >= 1000:
        index //= 1000
        parts.insert(0, index % 1000)
    return parts


def tiles(count):
    for index in range((count + 255) // 256):
        yield index, min(256, count - 256 * index)


leaves = []
for index, width in tiles(size):
    data = path("entries", index, width).read_bytes()
    at = 0
    for _ in range(width):
        length = int.from_bytes(data[at : at + 2], "big")
        leaves.append(hashlib.sha256(b"\x00" + data[at + 2 : at + 2 + length]).digest())
        at += 2 + length
    assert at == len(data), f"bytes behind the last entry of bundle {index}"


def node(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def tree(hashes):
    if len(hashes) == 1:
        return hashes[0]
    split = 1 << (len(hashes) - 1).bit_length() - 1
    return node(tree(hashes[:split]), tree(hashes[split:]))


assert base64.b64decode(root) == tree(leaves), "the root is another"
hashes, level, count = leaves, 0, 0
while hashes:
    for index, width in tiles(len(hashes)):
        data = path(level, index, width).read_bytes()
        assert data == b"".join(hashes[256 * index : 256 * index + width]), f"tile {level}/{index}"
        count += 1
    hashes = [tree(hashes[at : at + 256]) for at in range(0, len(hashes) - 255, 256)]
    level += 1
print(f"  {size} entries and {count} tiles of {origin}: the root is that of the checkpoint")
