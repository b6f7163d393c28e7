"""Sums up the xUnit reports of the named steps, one line each, and names every test that failed, with the start
of what it said. Fails where a step ran nothing, skipped a test or failed one.

usage: summary.py REPORTS_FOLDER STEP...
"""

import collections
import pathlib
import sys
import xml.etree.ElementTree as ElementTree

LONGEST_MESSAGE = 400


def outcome(case):
    for element in ("failure", "error"):
        if case.find(element) is not None:
            return "failed"
    return "skipped" if case.find("skipped") is not None else "passed"


def complaint(step, case):
    """One failed test on one line: where it is, and the start of its message."""
    found = case.find("failure") if case.find("failure") is not None else case.find("error")
    message = " ".join((found.get("message") or found.text or "").split())
    return f"{step}: failed: {case.get('classname')}.{case.get('name')}: {message[:LONGEST_MESSAGE]}"


def main():
    folder, steps = pathlib.Path(sys.argv[1]), sys.argv[2:]
    totals = collections.Counter()
    complaints = []
    for step in steps:
        report = folder / f"{step}.xml"
        cases = list(ElementTree.parse(report).iter("testcase")) if report.exists() else []
        counts = collections.Counter(map(outcome, cases))
        totals += counts
        print(f"{step:<12} {line(counts)}")
        complaints += [complaint(step, case) for case in cases if outcome(case) == "failed"]
        if counts["passed"] + counts["failed"] == 0:
            complaints.append(f"{step}: no test ran")
        if counts["skipped"]:
            complaints.append(f"{step}: tests were skipped")
    for text in complaints:
        print(text)
    print(line(totals))
    sys.exit(bool(complaints))


def line(counts):
    return ", ".join(f"{counts[word]} {word}" for word in ("passed", "failed", "skipped"))


main()
