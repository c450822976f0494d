"""Has a hub run beside the portal, for one person: adopts the one that is there, starts one, and starts it again when it died.

It is a process of its own, so that what it carries goes on without the portal.
"""

import asyncio
import os
import resource
import signal
import sys
from contextlib import suppress
from pathlib import Path

import structlog

from armchair.domain.errors import Unavailable
from armchair.gateway import process
from armchair.gateway.hub import service
from armchair.gateway.hub.places import Places

MODULE = "armchair.gateway.hub.main"
START_TIME = 10.0
STOP_TIME = 6.0
WATCH_EVERY = 1.0
SLOWEST_RETRY = 30.0
LOG_KEEP, LOG_MOST = 1 << 20, 8 << 20

log = structlog.get_logger()


class HubKeeper:
    """One hub for one home. Several objects may exist; the running hub is the only state they share."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._pid: int | None = None

    async def start(self) -> str:
        """Have the hub run with the present settings; "adopted" or "started". Raises Unavailable("hub_failed", output=…)."""
        found = await service.ask(self._places)
        if found is not None and found.get("fingerprint") == self._places.fingerprint:
            self._pid = int(str(found["pid"]))
            return "adopted"
        await self.down()
        self._pid = self._spawn()
        deadline = asyncio.get_running_loop().time() + START_TIME
        while await service.ask(self._places) is None:
            if not process.alive(self._pid) or asyncio.get_running_loop().time() > deadline:
                raise Unavailable("hub_failed", output=self._last_words())
            await asyncio.sleep(0.05)
        return "started"

    async def watch(self) -> None:
        """Never returns. Starts the hub again when it has died."""
        patience = WATCH_EVERY
        while True:
            await asyncio.sleep(patience)
            patience = min(SLOWEST_RETRY, patience * 2)
            try:
                if self._pid is None or not process.alive(self._pid):
                    log.warning("hub.died")
                    await self.start()
            except (Unavailable, OSError) as error:
                log.error("hub.not_started", error=str(error))  # noqa: TRY400 - the traceback says nothing more
            else:
                patience = WATCH_EVERY

    async def down(self) -> None:
        """End it with all that it carries. Nothing running is no error."""
        pids = self._running()
        for number in (signal.SIGTERM, signal.SIGKILL):
            for pid in pids:
                process.send(pid, number)
            if await process.until(lambda: not any(map(process.alive, pids)), STOP_TIME):
                break
        self._pid = None

    def _running(self) -> list[int]:
        """Hubs of this runtime directory, whatever their settings."""
        mark = f'"runtime": "{self._places.runtime}"'.encode()
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            with suppress(OSError):
                arguments = (entry / "cmdline").read_bytes().split(b"\0")
                if MODULE.encode() in arguments and any(mark in one for one in arguments):
                    found.append(int(entry.name))
        return [pid for pid in found if process.alive(pid)]

    def _spawn(self) -> int:
        self._places.status.unlink(missing_ok=True)
        kept = self._places.log.stat().st_size if self._places.log.exists() else 0
        truncate = os.O_TRUNC if kept > LOG_KEEP else 0
        out = os.open(self._places.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | truncate, 0o600)
        null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        try:
            # not a child that an object of ours owns: it is meant to stay
            pid = os.posix_spawn(
                sys.executable,
                [sys.executable, "-m", MODULE, self._places.dump()],
                os.environ,
                file_actions=[(os.POSIX_SPAWN_DUP2, null, 0), (os.POSIX_SPAWN_DUP2, out, 1), (os.POSIX_SPAWN_DUP2, out, 2)],
                setsid=True,
                setsigmask=(),
            )
        finally:
            os.close(out)
            os.close(null)
        with suppress(OSError):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (LOG_MOST, LOG_MOST))
        return pid

    def _last_words(self) -> str:
        with suppress(OSError):
            lines = self._places.log.read_text("utf-8", "replace").strip().splitlines()
            return lines[-1][:500] if lines else ""
        return ""
