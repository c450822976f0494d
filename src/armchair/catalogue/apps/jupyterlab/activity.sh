#!/bin/sh
# Says whether a kernel computes or a terminal was just used: the server's own word, asked on the session's socket.
exec "$ARMCHAIR_KIT/bin/python" -I - "$ARMCHAIR_SOCKET" <<'PYTHON'
import http.client
import json
import socket
import sys
from datetime import datetime, timedelta, timezone

RECENT = timedelta(minutes=2)


class Unix(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(5)
        self.sock.connect(sys.argv[1])


def ask(path):
    connection = Unix("localhost")
    connection.request("GET", path, headers={"X-Armchair-User": "activity"})
    answer = connection.getresponse()
    data = answer.read(1 << 20)
    if answer.status != 200 and path == "/api/kernels":
        sys.exit(1)  # it can't be told
    return json.loads(data) if answer.status == 200 else []


def recent(one):
    moment = datetime.fromisoformat(one["last_activity"].replace("Z", "+00:00"))
    return datetime.now(timezone.utc) - moment < RECENT


kernels, terminals = ask("/api/kernels"), ask("/api/terminals")
busy = any(one["execution_state"] in ("busy", "starting") or recent(one) for one in kernels)
print("busy" if busy or any(recent(one) for one in terminals) else "idle")
PYTHON
