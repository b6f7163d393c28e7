#!/usr/bin/env python3
"""Compares counts with their thresholds: check_counts.py THRESHOLDS COUNTED METRIC... [--update]

Both are files of JSON, workload by workload, as Counts/ prints them. What is missing on either side fails, as does a
count of nothing where the threshold is something: a check that compares nothing must not pass. With --update the
counts of the metrics become the thresholds; those of others stay.
"""

import json
import pathlib
import sys

# Allocations do not wander at all. Instructions do, a little, with the addresses that memory has.
ALLOWED = {"allocations": 0.0, "instructions": 0.03}
# The path from a message to the last send, with ever more clients.
DELIVERIES = [f"delivery-clients-{count}" for count in (1, 100, 1000)]


def update(path, thresholds, counted, metrics):
    kept = {}
    for name, counts in counted.items():
        kept[name] = {**thresholds.get(name, {}), **{metric: counts[metric] for metric in metrics}}
    lines = (f"  {json.dumps(name)}: {json.dumps(kept[name], sort_keys=True)}" for name in sorted(kept))
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    return kept


def compare(thresholds, counted, metrics):
    """Prints each count beside its threshold. Returns what is wrong, what is better, and how many were compared."""
    failures, better, compared = [], set(), 0
    for name in sorted(thresholds.keys() | counted.keys()):
        for metric in metrics:
            allowed = ALLOWED[metric]
            limit, count = thresholds.get(name, {}).get(metric), counted.get(name, {}).get(metric)
            if limit is None or count is None:
                failures.append(f"{name}: no {'threshold' if limit is None else 'count'} of {metric}")
                continue
            compared += 1
            verdict = "ok"
            if count > limit * (1 + allowed) or (count == 0 and metric == "instructions"):
                verdict = "FAILED"
                failures.append(f"{name}: {count} {metric}, allowed {limit} + {allowed:.0%}")
            elif count < limit * (1 - allowed):
                verdict = "better"
                better.add(name)
            print(f"{name:30} {metric:12} {count:10} of {limit:10}  {verdict}")
    return failures, better, compared


def growth(counted):
    """Returns what is wrong with the allocations of a client more."""
    allocations = {counted.get(name, {}).get("allocations") for name in DELIVERIES}
    if 0 in allocations:
        return ["an entry without any allocation: the allocator is not counted"]
    if len(allocations) > 1 or None in allocations:
        return [f"allocations grow with clients: {[counted.get(name) for name in DELIVERIES]}"]
    print(f"a client more: 0 allocations, with 1, 100 and 1,000 clients ({allocations.pop()} an entry)")
    return []


def main():
    arguments = [argument for argument in sys.argv[1:] if argument != "--update"]
    path, metrics = pathlib.Path(arguments[0]), arguments[2:]
    thresholds = json.loads(path.read_text()) if path.exists() else {}
    counted = json.loads(pathlib.Path(arguments[1]).read_text())
    if "--update" in sys.argv:
        thresholds = update(path, thresholds, counted, metrics)
    failures, better, compared = compare(thresholds, counted, metrics)
    if "allocations" in metrics:
        failures += growth(counted)
    if compared == 0:
        failures.append("nothing was compared")
    if better:
        names = ", ".join(sorted(better))
        print(f"better than the threshold, tighten it with script/microbench --update: {names}")
    for failure in failures:
        print(f"FAILED: {failure}", file=sys.stderr)
    print(f"compared {compared} counts ({', '.join(metrics)}) of {len(thresholds)} workloads, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
