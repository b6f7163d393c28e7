#!/usr/bin/env bash
# pycef 1.11 (PyPI), a reader of the Common Event Format: it leaves every escape as it was sent, drops an extension whose
# value is empty, and raises IndexError for a header with an escaped bar. The format (ArcSight, "Implementing Common Event
# Format", "Character Encoding") has senders write \= and \\ in values, \| in headers and \n for the end of a line, and
# receivers undo it.
#
# Seen with Python 3.11:
#   'a\\=b', 'C:\\\\logs', 'one\\ntwo' where a=b, C:\logs and two lines were meant;
#   no 'act' for `act= src=192.0.2.1`;
#   IndexError: list index out of range for `CEF:0|Ven\|dor|…`.
# Whoever compares such values with those of another reader finds no two alike. Fails when that changes.
set -euo pipefail

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check pycef==1.11

seen=$("$place/venv/bin/python" - <<'PYTHON'
import pycef

header = "CEF:0|Vendor|Product|1.0|100|name|5|"
event = pycef.parse(header + r"cs1=a\=b filePath=C:\\logs msg=one\ntwo act= src=192.0.2.1")
print([event.get(name) for name in ("cs1", "filePath", "msg", "act", "src")])
try:
    print(pycef.parse(r"CEF:0|Ven\|dor|Product|1.0|100|name|5|src=192.0.2.1"))
except IndexError as error:
    print(f"IndexError: {error}")
PYTHON
)
echo "$seen"
[ "$seen" = "['a\\\\=b', 'C:\\\\\\\\logs', 'one\\\\ntwo', None, '192.0.2.1']
IndexError: list index out of range" ]
