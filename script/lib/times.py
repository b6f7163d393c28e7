"""Writes into a page how long the steps of a tier took, between its marks <!-- times TIER --> and <!-- end -->.

usage: times.py REPORTS_FOLDER PAGE TIER STEP...
"""

import datetime
import os
import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree


def tests(folder, step):
    report = folder / f"{step}.xml"
    return str(sum(1 for _ in ElementTree.parse(report).iter("testcase"))) if report.exists() else "–"


def main():
    folder, page, tier, steps = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3], sys.argv[4:]
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, check=True, text=True
    ).stdout.strip()
    today = datetime.date.today().isoformat()
    rows = [f"| `{tier}`: step | tests | seconds |", "| --- | ---: | ---: |"]
    for step in steps:
        seconds = folder / f"{step}.seconds"
        took = seconds.read_text().strip() if seconds.exists() else "did not run"
        rows.append(f"| `{step}` | {tests(folder, step)} | {took} |")
    whole = (folder / "whole.seconds").read_text().strip()
    rows.append(f"| whole, {today}, {commit}, {os.cpu_count()} cores | | {whole} |")
    text, count = re.subn(
        rf"(<!-- times {tier} -->\n).*?(<!-- end -->)",
        lambda match: match.group(1) + "\n".join(rows) + "\n" + match.group(2),
        page.read_text(),
        flags=re.DOTALL,
    )
    if count != 1:
        sys.exit(f"times.py: {page} has no place for the times of {tier}")
    page.write_text(text)


main()
