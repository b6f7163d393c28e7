"""Sums up a report of the Autobahn TestSuite: cases per behaviour, then each that is neither OK nor INFORMATIONAL.
Fails if there is one, or if not as many cases ran as should have.

usage: autobahn_summary.py INDEX_JSON CASES
"""

import collections
import json
import pathlib
import sys

GOOD = {"OK", "INFORMATIONAL"}


def case_order(name):
    return [int(part) for part in name.split(".")]


def main():
    index = pathlib.Path(sys.argv[1])
    wanted = int(sys.argv[2])
    if not index.exists():
        print(f"no report at {index}")
        return 1
    cases = {}
    for agent in json.loads(index.read_text()).values():
        cases.update(agent)
    counts = collections.Counter(case["behavior"] for case in cases.values())
    closes = collections.Counter(case["behaviorClose"] for case in cases.values())
    bad = [
        name for name, case in cases.items() if case["behavior"] not in GOOD or case["behaviorClose"] not in GOOD
    ]
    print("cases:   " + ", ".join(f"{count} {behaviour}" for behaviour, count in counts.most_common()))
    print("closing: " + ", ".join(f"{count} {behaviour}" for behaviour, count in closes.most_common()))
    for name in sorted(bad, key=case_order):
        print(f"case {name}: {cases[name]['behavior']}, closing {cases[name]['behaviorClose']}")
    print(f"{len(cases) - len(bad)} of {wanted} cases OK or INFORMATIONAL; reports: {index.parent}/index.html")
    return 1 if bad or len(cases) != wanted else 0


if __name__ == "__main__":
    sys.exit(main())
