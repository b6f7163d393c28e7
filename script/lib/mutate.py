"""Applies the mutations of Tests/Mutations one after the other to a built copy of the tree, runs the tests that each
names and expects them to fail. Goes on after a mutation that does not apply, does not build or is not noticed, and
fails in the end.

usage: mutate.py COPY BUILD_FLAGS [NAME...]
       mutate.py --places ROOT      says only whether each still has its place
"""

import os
import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree


class Stale(Exception):
    """The product has changed so that the mutation says nothing any more."""


class Mutation:
    def __init__(self, path):
        head, _, change = path.read_text().partition("--- before\n")
        self.name = path.stem
        self.fields = dict(line.split(": ", 1) for line in head.splitlines())
        self.before, _, self.after = change.partition("--- after\n")

    def apply(self, copy):
        """Returns what undoes it."""
        path, text, changed = self.change(copy)
        path.write_text(changed)
        return lambda: path.write_text(text)

    def change(self, copy):
        """The file, its text and what becomes of that."""
        path = copy / self.fields["file"]
        text = path.read_text()
        # The last line may stop within one of the source: what is replaced need not be whole lines.
        before, after = self.before.rstrip("\n"), self.after.rstrip("\n")
        if text.count(before) != 1:
            raise Stale(f"its place in {self.fields['file']} occurs {text.count(before)} times, not once")
        return path, text, text.replace(before, after)


def noticed(copy, flags, mutation):
    """The tests that failed, or None if none did."""
    build = subprocess.run(["swift", "build", "--build-tests", *flags], cwd=copy, capture_output=True, text=True)
    if build.returncode != 0:
        raise Stale(f"does not build:\n{build.stdout[-2000:]}")
    report = copy / ".build" / "mutation.xml"
    report.unlink(missing_ok=True)
    environment = os.environ | {"TOCSIN_BIN": str(copy / ".build" / "debug" / "tocsin")}
    command = ["swift", "test", "--skip-build", "--disable-xctest", *flags, "--xunit-output", str(report),
               "--filter", mutation.fields["tests"]]
    try:
        run = subprocess.run(command, cwd=copy, capture_output=True, text=True, env=environment, timeout=1200)
    except subprocess.TimeoutExpired:
        return ["the tests did not end within 20 minutes"]
    if run.returncode == 0:
        return None
    if not report.exists():
        return re.findall(r"Fatal error: .{0,120}", run.stdout + run.stderr)[:1] or ["the tests crashed"]
    cases = ElementTree.parse(report).iter("testcase")
    return [f"{case.get('classname')}/{case.get('name')}" for case in cases if case.find("failure") is not None]


def tried(copy, flags, mutation):
    """Whether the mutation was noticed, and the words for it."""
    try:
        undo = mutation.apply(copy)
        try:
            failed = noticed(copy, flags, mutation)
        finally:
            undo()
    except Stale as stale:
        return False, f"SAYS NOTHING ANY MORE: {stale}"
    return bool(failed), f"{len(failed)} failed: {', '.join(failed[:3])}" if failed else "NOT NOTICED"


def all_mutations(root):
    return [Mutation(path) for path in sorted((root / "Tests/Mutations").glob("*.mutation"))]


def check_places(root):
    stale = 0
    for mutation in all_mutations(root):
        try:
            mutation.change(root)
        except Stale as error:
            stale += 1
            print(f"{mutation.name}: {error}", file=sys.stderr)
    sys.exit(bool(stale))


def main():
    if sys.argv[1] == "--places":
        check_places(pathlib.Path(sys.argv[2]))
    copy, flags, names = pathlib.Path(sys.argv[1]), sys.argv[2].split(), sys.argv[3:]
    mutations = all_mutations(copy)
    chosen = [mutation for mutation in mutations if not names or mutation.name in names]
    if not chosen or len(chosen) < len(names):
        sys.exit(f"no such mutation; there are: {', '.join(mutation.name for mutation in mutations)}")
    missed = 0
    for mutation in chosen:
        is_noticed, words = tried(copy, flags, mutation)
        missed += not is_noticed
        print(f"{mutation.name:<28} {mutation.fields['tier']:<12} {words}", flush=True)
    print(f"{len(chosen) - missed} of {len(chosen)} mutations noticed")
    sys.exit(bool(missed))


main()
