"""Says what came of the steps of a run, then of each failure what it was, what it said first, what its processes
complained of, where their logs are and how to run it alone. Fails where a step failed, ran nothing, skipped a test or did not run.

usage: summary.py REPORTS_FOLDER STEP...

A step leaves STEP.status, STEP.seconds and STEP.log, and where it runs tests one by one STEP.xml (xUnit).
"""

import collections
import os
import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree

LONGEST_MESSAGE = 600
FAILURES_TOLD = 20
LAST_LINES = 12
COMPLAINTS_TOLD = 8
# Lines of a replica's log, and of Redis's, that may be the cause.
COMPLAINT = re.compile(r"^\S+Z (?:warning|error|critical) |fsync|output buffer limits|[Oo]ut of memory|OOM")
# Of a test of Swift that has begun and has not ended, as its runner prints it.
BEGUN = re.compile(r"◇ Test (?:case passing .* to )?(.+?)(?: with \d+ test cases)? started\.")
ENDED = re.compile(r"[✔✘] Test (?:case passing .* to )?(.+?)(?: with \d+ test cases)? (?:passed|failed) after")


def words(counts):
    return ", ".join(f"{counts[word]} {word}" for word in ("passed", "failed", "skipped"))


class Step:
    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        self.status = self.read("status")
        self.seconds = self.read("seconds")
        report = folder / f"{name}.xml"
        self.cases = list(ElementTree.parse(report).iter("testcase")) if report.exists() else None
        self.counts = collections.Counter(map(outcome, self.cases or []))

    def read(self, ending):
        path = self.folder / f"{self.name}.{ending}"
        return path.read_text().strip() if path.exists() else None

    @property
    def log(self):
        return self.read("log") or ""

    def line(self):
        if self.status is None:
            verdict = "did not run"
        elif self.cases is None:
            verdict = "ok" if self.status == "0" else f"failed ({self.status})"
        else:
            verdict = words(self.counts)
        return f"{self.name:<18} {verdict:<40} {self.seconds or '-':>5} s"

    def failures(self):
        """Of each failure, the lines that explain it."""
        if self.status is None:
            return [[f"{self.name}: did not run", "  because an earlier step failed"]]
        told = [self.failed_test(case) for case in self.cases or [] if outcome(case) == "failed"]
        if self.cases is not None and self.counts["passed"] + self.counts["failed"] == 0:
            told.append([f"{self.name}: no test ran"])
        if self.counts["skipped"]:
            told.append([f"{self.name}: tests were skipped"])
        if self.status != "0" and not told:
            told.append(self.failed_step())
        return told

    def failed_test(self, case):
        name, message = f"{case.get('classname')}.{case.get('name')}", complaint(case)
        plain = re.sub(r"[(\[].*$", "", name)
        lines = [f"{self.name}: failed: {name}", f"  {message[:LONGEST_MESSAGE]}"]
        function = plain.rpartition(".")[2]
        is_python = self.name in ("browser", "deployment", "interop")
        logs = self.folder / "logs" / self.name / (function if is_python else plain)
        if logs.is_dir():
            lines += [f"  | {line[:LONGEST_MESSAGE]}" for line in complaints(logs)]
            lines.append(f"  logs: {os.path.relpath(logs)}/")
        seed = re.search(r"\bseed[ :=]+(\d+)", message)
        variable = f"TOCSIN_TEST_SEED={seed.group(1)} " if seed else ""
        if is_python:
            again = f"script/test --only {self.name} --filter {function}"
        else:
            again = f"{variable}script/test --filter '{plain}'"
        return lines + [f"  again: {again}"]

    def failed_step(self):
        lines = [f"{self.name}: failed with status {self.status}"]
        begun, ended = set(BEGUN.findall(self.log)), set(ENDED.findall(self.log))
        if begun - ended:
            lines += ["  did not end:"] + [f"    {test}" for test in sorted(begun - ended)[:FAILURES_TOLD]]
        tail = [line for line in self.log.splitlines() if line.strip()][-LAST_LINES:]
        lines += [f"  | {line[:200]}" for line in tail]
        return lines + [f"  again: script/test --only {self.name}"]


def outcome(case):
    for element in ("failure", "error"):
        if case.find(element) is not None:
            return "failed"
    return "skipped" if case.find("skipped") is not None else "passed"


def complaint(case):
    found = case.find("failure") if case.find("failure") is not None else case.find("error")
    return " ".join((found.get("message") or found.text or "").split())


def complaints(logs):
    """The last of them, for whoever sees this output and not the files."""
    found = []
    for path in sorted(logs.rglob("*.log")):
        for line in path.read_text(errors="replace").splitlines():
            if COMPLAINT.search(line):
                found.append(f"{path.parent.name}/{path.name}: {line}")
    return found[-COMPLAINTS_TOLD:]


def main():
    folder, names = pathlib.Path(sys.argv[1]), sys.argv[2:]
    steps = [Step(folder, name) for name in names]
    for step in steps:
        print(step.line())
    failures = [failure for step in steps for failure in step.failures()]
    for failure in failures[:FAILURES_TOLD]:
        print("\n".join(failure))
    if len(failures) > FAILURES_TOLD:
        print(f"and {len(failures) - FAILURES_TOLD} failures more, in {os.path.relpath(folder)}")
    print(words(sum((step.counts for step in steps), collections.Counter())))
    sys.exit(bool(failures))


main()
