"""Connects out to the hub, where the gateway can't reach this node, and brings in each connection that it asks for."""

import random
import socket
import ssl
import threading
import time
from typing import Callable

from armchair.agent.say import say
from armchair.wire.hub import GREETING, OPEN, OPEN_LENGTH, SILENCE

CONNECT_SECONDS = 5.0
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0
# a connection that held this long was a good one: the next failure is a new one
SETTLED = 5.0
MOST_AT_ONCE = 64


class Dialler:
    """Keeps one connection to the hub for as long as the process lives. `run` is to be called in a thread of its own.

    `adopt` takes each socket that the gateway is to speak through. After `over` a lost connection stays lost.
    """

    def __init__(
        self, hub: str, context: ssl.SSLContext, adopt: Callable[[socket.socket], None], over: threading.Event
    ) -> None:
        host, _, port = hub.rpartition(":")
        self._address = (host.strip("[]"), int(port))
        self._context, self._adopt, self._over = context, adopt, over
        self._room = threading.BoundedSemaphore(MOST_AT_ONCE)
        self._told = ""

    def run(self) -> None:
        """Until it is over. A hub that is away is called again within two seconds, by each agent at a moment of its own."""
        pause = 0.0
        while not self._over.wait(pause * random.uniform(0.5, 1.0)):
            began = time.monotonic()
            try:
                self._listen()
                self._tell("it has closed the connection")
            except (OSError, ValueError) as error:
                self._tell(str(error) or type(error).__name__)
            settled = time.monotonic() - began > SETTLED
            pause = FIRST_PAUSE if settled else min(max(FIRST_PAUSE, pause * 2), LONGEST_PAUSE)

    def _listen(self) -> None:
        with socket.create_connection(self._address, CONNECT_SECONDS) as raw:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._context.wrap_socket(raw, server_hostname=self._address[0]) as tls:
                tls.sendall(GREETING)
                tls.settimeout(SILENCE)
                rest = b""
                while True:
                    data = tls.recv(4096)
                    if not data:
                        return
                    lines = (rest + data).split(b"\n")
                    rest = lines.pop()
                    if len(rest) > OPEN_LENGTH:
                        raise ValueError("the hub says what can't be understood")
                    self._told = ""
                    for line in lines:
                        if line.startswith(OPEN) and self._room.acquire(False):
                            self._begin(line + b"\n")

    def _begin(self, line: bytes) -> None:
        try:
            threading.Thread(target=self._open, args=(line,), daemon=True).start()
        except RuntimeError as error:
            # no more threads for us on this node: one connection less is better than none at all
            self._room.release()
            self._tell(str(error))

    def _open(self, line: bytes) -> None:
        try:
            raw = socket.create_connection(self._address, CONNECT_SECONDS)
            raw.sendall(line)
            self._adopt(raw)
        except OSError as error:
            self._tell(str(error))
        finally:
            self._room.release()

    def _tell(self, trouble: str) -> None:
        """Say it in the job's output, once for as long as nothing changes."""
        if trouble != self._told and not self._over.is_set():
            self._told = trouble
            say("The hub does not answer (%s). Trying again." % trouble)
