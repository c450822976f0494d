"""Keeps the last of what a job writes: a file with at least the last 64 KiB, bounded whatever the flood."""

# pathlib takes longer to import than the rest of the keeper to start
# ruff: noqa: PTH104

import os
import time

TAIL = 64 * 1024
_FILE_LIMIT = 4 * TAIL
_FLUSH_EVERY = 0.2


class Output:
    """Reads a pipe without blocking and keeps its end in a file. A full disk loses lines, never the job."""

    def __init__(self, pipe: int, path: str) -> None:
        self.pipe = pipe
        self._path = path
        self._tail = bytearray()
        self._unwritten = 0
        self._size = 0
        self._flushed = 0.0
        os.set_blocking(pipe, False)

    def read(self) -> bool:
        """Take what is there, one block at most, so that a flood can't starve the rest. False at the end of the pipe."""
        try:
            block = os.read(self.pipe, TAIL)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self._tail += block
        self._unwritten = min(self._unwritten + len(block), TAIL)
        del self._tail[:-TAIL]
        if len(block) == TAIL:
            time.sleep(0.001)  # a flood is slowed to a bearable rate by its own full pipe
        if time.monotonic() - self._flushed >= _FLUSH_EVERY:
            self.flush()
        return bool(block)

    @property
    def wait(self) -> float | None:
        """Seconds until the file should be brought up to date, or None."""
        return max(0.0, self._flushed + _FLUSH_EVERY - time.monotonic()) if self._unwritten else None

    def flush(self) -> None:
        """Bring the file up to date."""
        self._flushed = time.monotonic()
        if not self._unwritten:
            return
        rewrite = self._size + self._unwritten > _FILE_LIMIT
        data = bytes(self._tail) if rewrite else bytes(self._tail[-self._unwritten :])
        path = self._path + ".new" if rewrite else self._path
        try:
            descriptor = os.open(
                path, os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if rewrite else os.O_APPEND) | os.O_CLOEXEC, 0o600
            )
            try:
                os.write(descriptor, data)
            finally:
                os.close(descriptor)
            if rewrite:
                os.rename(path, self._path)
        except OSError:
            return
        self._size = len(data) if rewrite else self._size + len(data)
        self._unwritten = 0

    def finish(self) -> None:
        """Take what is left in the pipe, without waiting for more, and close."""
        try:
            while block := os.read(self.pipe, TAIL):
                self._tail += block
                self._unwritten = min(self._unwritten + len(block), TAIL)
                del self._tail[:-TAIL]
        except OSError:
            pass
        self.flush()
        os.close(self.pipe)
