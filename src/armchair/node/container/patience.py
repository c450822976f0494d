"""Looks at an image that may lie on a slow or silent file server, and says in the log what is being waited for."""

import json
import os
import select
import signal
import sys
import time
from typing import Callable, Dict, List

from armchair.node.container import image
from armchair.node.container.image import Image
from armchair.wire.trouble import Trouble

FIRST, AGAIN = 5.0, 30.0  # seconds until the first word, and between those after it


def inspect(path: str, say: Callable[[str], None], first: float = FIRST) -> Image:
    """`image.inspect`, however long it takes; `say` gets a line when it takes long. Raises Trouble.

    A process of its own looks: one that waits for a dead file server can't be ended, and this one must be.
    """
    heard, tell = os.pipe2(os.O_CLOEXEC)
    pid = os.fork()
    if pid == 0:
        _look(path, tell)
    os.close(tell)
    try:
        answer = _hear(path, heard, say, first)
    finally:
        os.close(heard)
        os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return _read(path, answer)


def _look(path: str, tell: int) -> None:
    """In the child: look, tell, end."""
    try:
        for one in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(one, signal.SIG_DFL)
        try:
            answer: Dict[str, List[object]] = {"image": list(image.inspect(path))}
        except Trouble as trouble:
            answer = {"trouble": [trouble.code, str(trouble)]}
        os.write(tell, json.dumps(answer).encode())
    finally:
        os._exit(0)


def _hear(path: str, heard: int, say: Callable[[str], None], first: float) -> bytes:
    began, wait = time.monotonic(), first
    answer: List[bytes] = []
    while True:
        if not select.select([heard], [], [], wait)[0]:
            say("Waiting for the image %s: its file server has not answered for %d s." % (path, time.monotonic() - began))
            wait = AGAIN
            continue
        piece = os.read(heard, 65536)
        if not piece:
            return b"".join(answer)
        answer.append(piece)


def _read(path: str, answer: bytes) -> Image:
    if not answer:
        raise Trouble(image.UNREADABLE, "The image %s could not be looked at." % path)
    found = json.loads(answer.decode())
    if "trouble" in found:
        raise Trouble(*found["trouble"])
    return Image(*found["image"])


def to_log(line: str) -> None:
    """The session's log is the program's output."""
    print(line, file=sys.stderr, flush=True)
