"""The application's output: a file of bounded size and a tail in memory. A full disk or a flood never holds it up."""

import os
import threading
from typing import Optional

from armchair.wire.messages import LOG_TAIL

FILE_LIMIT = 5 << 20
CHUNK = 65536


class Log:
    """Reads a pipe to its end in a thread of its own; keeps `<directory>/log`, with the beginning in `log.1`.

    Of a flood the first part (`log.1`) and the last two (`log.2`, `log`) stay, FILE_LIMIT bytes each.
    """

    def __init__(self, directory: str) -> None:
        self._path = os.path.join(directory, "log") if directory else ""
        self._file = -1
        self._written = 0
        self._tail = bytearray()
        self._lock = threading.Lock()
        self._changed = False
        self.lost = 0

    def follow(self, pipe: int) -> threading.Thread:
        """Start reading; the thread ends with the pipe's last writer."""
        self._open()
        thread = threading.Thread(target=self._read, args=(pipe,), daemon=True)
        thread.start()
        return thread

    def take(self) -> Optional[str]:
        """The tail as text if it has changed since the last call, else None."""
        with self._lock:
            if not self._changed:
                return None
            self._changed = False
            data = bytes(self._tail)
        return data.decode("utf-8", "replace").replace("\x00", "\ufffd")

    def _read(self, pipe: int) -> None:
        while True:
            try:
                data = os.read(pipe, CHUNK)
            except OSError:
                data = b""
            if not data:
                os.close(pipe)
                return
            with self._lock:
                self._tail += data
                del self._tail[:-LOG_TAIL]
                self._changed = True
            self._write(data)

    def _open(self) -> None:
        if not self._path:
            return
        try:
            self._file = os.open(self._path, os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o600)
            self._written = os.fstat(self._file).st_size
        except OSError:
            self._file = -1

    def _write(self, data: bytes) -> None:
        if self._file < 0:
            self.lost += len(data)
            return
        try:
            if self._written + len(data) > FILE_LIMIT:
                first = self._path + ".1"
                os.rename(self._path, self._path + ".2" if os.path.exists(first) else first)
                os.close(self._file)
                self._open()
            written = os.write(self._file, data)
            self._written += written
            self.lost += len(data) - written
        except OSError:
            # the disk is full: the tail still has it, and the application must not wait for room
            self.lost += len(data)
