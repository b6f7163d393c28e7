"""Clients that are not ours to steer: the recipes of clients/ and `tocsin watch`, each as a process."""

import json
import os
import re
import subprocess
import sys

from topology import ROOT, Child, executable, wait_until

CLIENTS = ROOT / "clients"
# Shorter than a person wants them, so that a test that waits for a client to come back does not wait long.
SILENCE_SECONDS = 6
LONGEST_WAIT_SECONDS = 1


def build(folder):
    """Compiles what must be; commands by name."""
    classes, feed = folder / "classes", folder / "feed"
    compile_with([executable("javac"), "-Xlint:all,-serial", "-Werror", "-d", classes,
                  *sorted((CLIENTS / "java").glob("*.java"))])
    # Debian's package of the library lies in a GOPATH.
    environment = {"GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOFLAGS": "", "GOCACHE": str(folder / "cache")}
    compile_with([executable("go"), "vet", "."], CLIENTS / "go", environment)
    compile_with([executable("go"), "build", "-o", feed, "."], CLIENTS / "go", environment)
    return {
        "python": [sys.executable, CLIENTS / "python" / "feed.py"],
        "java": [executable("java"), "-Xmx64m", "-XX:TieredStopAtLevel=1", "-cp", classes, "Feed"],
        "go": [feed],
        "watch": [executable("tocsin", "TOCSIN_BIN"), "watch", "--json"],
    }


def compile_with(command, folder=None, environment=None):
    done = subprocess.run(
        list(map(str, command)), cwd=folder, env=os.environ | (environment or {}), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


class Program:
    """One running client. `name` is a key of `build`'s result."""

    # How each says that the log cannot be followed, and that it comes back.
    BLIND = re.compile(r"cannot (be followed|follow the log) since \d{4}-")
    SEES = re.compile(r"followed again|follows the log again")
    COMES_BACK = re.compile(r"reconnecting:|disconnected \(")
    GIVES_UP = re.compile(r"giving up:|ended the feed for good")

    def __init__(self, name, command, folder, url, *options):
        self.name = name
        self.folder = folder
        if name == "watch":
            place = ["--url", url, "--history", "0"]
        else:
            place = [f"{url.replace('http', 'ws', 1)}/ws"]
        # Options come before the address: Go stops reading them there.
        self.child = _Split(name, folder, [
            *command, "--silence", SILENCE_SECONDS, "--longest-wait", LONGEST_WAIT_SECONDS, *options, *place])

    def __repr__(self):
        return self.name

    @property
    def notes(self):
        return self.child.log.read_text(errors="replace")

    @property
    def threats(self):
        """What it has shown, in order."""
        lines = self.child.output.read_text().split("\n")[:-1]
        shown = [json.loads(line) for line in lines if line]
        if self.name != "watch":
            return shown
        return [frame["data"] for frame in shown if frame["type"] == "new_threat"]

    @property
    def ids(self):
        return [threat["id"] for threat in self.threats]

    def count(self, pattern):
        return len(pattern.findall(self.notes))

    @property
    def is_following(self):
        """Whether it has joined the feed since it last lost it."""
        notes = self.notes
        joined = max(notes.rfind("following the feed after"), notes.rfind("connected to "))
        return joined > max(notes.rfind("reconnecting:"), notes.rfind("disconnected ("))

    def wait_for(self, condition, what):
        """Waits until `condition(self)`; fails at once when the program has ended."""
        try:
            return wait_until(lambda: self.child.expect_running() and condition(self), f"{self.name}: {what}")
        except AssertionError as failure:
            raise AssertionError(f"{failure}\n--- notes of {self.name}\n{self.notes[-3000:]}") from None

    def expect(self, ids):
        """It has shown exactly these threats, each once and in the log's order."""
        self.wait_for(lambda each: len(each.ids) >= len(ids), f"{len(ids)} threats")
        threats = self.threats
        assert sorted(threat["id"] for threat in threats) == sorted(ids), f"{self.name}\n{self.notes[-3000:]}"
        places = [tuple(map(int, threat["cursor"].split("-"))) for threat in threats]
        assert places == sorted(set(places)), f"{self.name}: not in order, or repeated"

    def stop(self):
        self.child.stop()


class _Split(Child):
    """A process with standard output and standard error in files of their own."""

    def start(self):
        self.output = self.log.with_suffix(".out")
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("TOCSIN_")}
        with self.log.open("ab") as notes, self.output.open("ab") as output:
            self.process = subprocess.Popen(
                self.arguments, env=inherited, stdin=subprocess.DEVNULL, stdout=output, stderr=notes)
