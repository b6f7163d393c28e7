"""Sums up the xUnit reports of the named steps, one line each, and fails where a step ran nothing,
skipped a test or failed one.

usage: summary.py REPORTS_FOLDER STEP...
"""

import pathlib
import sys
import xml.etree.ElementTree as ElementTree


def tally(report):
    """Passed, failed and skipped test cases of one report; a missing one has none."""
    passed = failed = skipped = 0
    if report.exists():
        for case in ElementTree.parse(report).iter("testcase"):
            if case.find("failure") is not None or case.find("error") is not None:
                failed += 1
            elif case.find("skipped") is not None:
                skipped += 1
            else:
                passed += 1
    return passed, failed, skipped


def main():
    folder, steps = pathlib.Path(sys.argv[1]), sys.argv[2:]
    totals = [0, 0, 0]
    complaints = []
    for step in steps:
        counts = tally(folder / f"{step}.xml")
        totals = [total + count for total, count in zip(totals, counts)]
        print("{:<12} {} passed, {} failed, {} skipped".format(step, *counts))
        if counts[0] + counts[1] == 0:
            complaints.append(f"{step}: no test ran")
        if counts[2]:
            complaints.append(f"{step}: tests were skipped")
    for complaint in complaints:
        print(complaint)
    print("{} passed, {} failed, {} skipped".format(*totals))
    sys.exit(bool(complaints or totals[1]))


main()
