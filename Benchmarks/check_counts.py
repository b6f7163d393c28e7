#!/usr/bin/env python3
"""Compares counts with their thresholds: check_counts.py THRESHOLDS COUNTED [--update]

Both are folders of files as the benchmark library writes them, one for each benchmark. What is missing on either side
fails, as does a count of nothing where the threshold is something: a check that compares nothing must not pass.
With --update the counts become the thresholds.
"""

import json
import pathlib
import sys

# Allocations do not wander at all. Instructions do, a little, with the addresses that memory has.
ALLOWED = {"allocations": 0.0, "instructions": 0.03}
# The path from a message to the last send, with ever more clients.
DELIVERIES = [f"Micro.delivery-clients-{count}.p90.json" for count in (1, 100, 1000)]


def read(folder):
    return {path.name: json.loads(path.read_text()) for path in sorted(pathlib.Path(folder).glob("*.p90.json"))}


def update(folder, counted):
    for path in pathlib.Path(folder).glob("*.p90.json"):
        path.unlink()
    for name, counts in counted.items():
        # Times, which the library writes as well, differ in every run.
        kept = {metric: count for metric, count in sorted(counts.items()) if metric in ALLOWED}
        pathlib.Path(folder, name).write_text(json.dumps(kept, indent=2) + "\n")


def main():
    counted = read(sys.argv[2])
    if sys.argv[3:] == ["--update"]:
        update(sys.argv[1], counted)
    thresholds = read(sys.argv[1])
    failures, better, compared = [], [], 0
    for name in sorted(thresholds.keys() | counted.keys()):
        title = name.removeprefix("Micro.").removesuffix(".p90.json")
        for metric, allowed in ALLOWED.items():
            limit, count = thresholds.get(name, {}).get(metric), counted.get(name, {}).get(metric)
            if limit is None or count is None:
                failures.append(f"{title}: no {'threshold' if limit is None else 'count'} of {metric}")
                continue
            compared += 1
            verdict = "ok"
            if count > limit * (1 + allowed) or (count == 0 and metric == "instructions"):
                verdict = "FAILED"
                failures.append(f"{title}: {count} {metric}, allowed {limit} + {allowed:.0%}")
            elif count < limit * (1 - allowed):
                verdict = "better"
                better.append(title)
            print(f"{title:30} {metric:12} {count:10} of {limit:10}  {verdict}")
    allocations = {counted.get(name, {}).get("allocations") for name in DELIVERIES}
    if 0 in allocations:
        failures.append("an entry without any allocation: the allocator is not counted")
    elif len(allocations) == 1 and None not in allocations:
        print(f"a client more: 0 allocations, with 1, 100 and 1,000 clients ({allocations.pop()} an entry)")
    else:
        failures.append(f"allocations grow with clients: {[counted.get(name) for name in DELIVERIES]}")
    if compared == 0:
        failures.append("nothing was compared")
    if better:
        names = ", ".join(sorted(set(better)))
        print(f"better than the threshold, tighten it with script/microbench --update: {names}")
    for failure in failures:
        print(f"FAILED: {failure}", file=sys.stderr)
    metrics = ", ".join(ALLOWED)
    print(f"compared {compared} counts ({metrics}) of {len(thresholds)} benchmarks, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
