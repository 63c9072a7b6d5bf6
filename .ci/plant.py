#!/usr/bin/env python3
"""Makes a decision from the cache take twice as long, in the source of the decider that is named: plant.py DECIDER_RS.

The text that is replaced must be there, once.
"""
import sys

HIT = """\
        let key = self.engine.key(canonical_input);
        if let Some(decision) = self.cache.find(&key) {
"""
TWICE = """\
        let again = self.engine.key(std::hint::black_box(canonical_input));
        let _planted = std::hint::black_box(self.cache.find(&again));
"""

path = sys.argv[1]
source = open(path).read()
if source.count(HIT) != 1:
    print(f"error: {path}: the look-up of a decision is not there as this script knows it:\n{HIT}")
    sys.exit(1)
open(path, "w").write(source.replace(HIT, TWICE + HIT))
