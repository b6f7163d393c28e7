#!/usr/bin/env bash
# sseclient-py 1.9.0 (PyPI), a reader of server-sent events: when the connection ends within an event, it hands on the half
# that has come as if it were whole. The HTML standard ("Server-sent events", interpreting an event stream) discards it:
# "any pending data must be discarded". A client that keeps the id of such an event resumes behind what it never had.
#
# Seen with Python 3.11: [('message', 'whole', None), ('alarm', 'ha', '7')], where ('alarm', …) never ended.
# Fails when that changes.
set -euo pipefail

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check sseclient-py==1.9.0

seen=$("$place/venv/bin/python" - <<'PYTHON'
import sseclient

pieces = [b"data: whole\n\n", b"event: alarm\nid: 7\ndata: ha"]
print([(event.event, event.data, event.id) for event in sseclient.SSEClient(iter(pieces)).events()])
PYTHON
)
echo "$seen"
[ "$seen" = "[('message', 'whole', None), ('alarm', 'ha', '7')]" ]
