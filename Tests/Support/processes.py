"""What the tests in Python share that start processes: ports, and where the logs go."""

import os
import pathlib
import random
import re
import shutil
import socket

# As PosixIO/ReservedPort: below the range of outgoing connections, each port marked with a socket in the abstract
# namespace, which the kernel gives to one at a time and lets go of with the process.
PORTS = range(20_000, 32_001)
_marks = []


def reserve_port():
    """A loopback port on which nobody listens, and that no other test is given while this process lives."""
    for _ in range(1_000):
        port = random.choice(PORTS)
        mark = socket.socket(socket.AF_UNIX)
        try:
            mark.bind(f"\0tocsin-port-{port}")
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            mark.close()
            continue
        _marks.append(mark)
        return port
    raise RuntimeError("no free port was found on 127.0.0.1")


def keep_logs(folder, test):
    """Copies the logs of a test's processes to $TOCSIN_TEST_LOGS/TEST, if that is set."""
    kept = os.environ.get("TOCSIN_TEST_LOGS")
    if not kept:
        return
    target = pathlib.Path(kept) / re.sub(r"[\[(].*", "", test)
    for log in pathlib.Path(folder).rglob("*.log"):
        target.mkdir(parents=True, exist_ok=True)
        number = len(list(target.iterdir()))
        shutil.copyfile(log, target / f"{number}-{log.name}")
