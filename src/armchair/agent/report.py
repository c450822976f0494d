"""Keeps the portal told: on change and every few seconds; and hears its commands. A portal that is away costs nothing."""

import random
import threading
import time
from typing import Any, Callable, Dict, List, Optional

from armchair.agent.log import Log
from armchair.agent.portal import Caller, PortalAway
from armchair.agent.usage import Meter
from armchair.wire.messages import COMMAND_WAIT, REPORT_EVERY, Activity, Command, End, Report

LOG_EVERY = 1.0
LAST_WORD_SECONDS = 60.0
GONE = 410
NOT_TAKEN = (413, 422)


class Reporter:
    """Sends reports from a thread of its own; only the newest state counts, so nothing piles up while the portal is away."""

    def __init__(self, caller: Caller, credential: str, log: Log, meter: Meter, on_gone: Callable[[], None]) -> None:
        self._caller = caller
        self._credential, self._log, self._meter, self._on_gone = credential, log, meter, on_gone
        self._wake = threading.Event()
        self._seq = 0
        self._ready = False
        self._end: Optional[End] = None
        self._unsent_log: Optional[str] = None
        self._activity: Optional[Activity] = None
        self._gpu: Optional[float] = None
        self._warned = False
        self._told_end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin to report."""
        self._thread.start()

    def ready(self) -> None:
        """The application is ready: say so at once."""
        self._ready = True
        self._wake.set()

    def active(self, seen: Activity) -> None:
        """A window of activity is over: part of the next report."""
        self._activity = seen
        self._gpu = seen.gpu

    def warned(self) -> None:
        """The scheduler has warned of the end: say so at once."""
        self._warned = True
        self._wake.set()

    def now(self) -> None:
        """Report at once."""
        self._wake.set()

    def end(self, end: End) -> bool:
        """Say how the application ended; wait until the portal has heard it. False: it was away for too long."""
        self._end = end
        self._wake.set()
        return self._told_end.wait(LAST_WORD_SECONDS)

    def _run(self) -> None:
        pause, last = 0.0, 0.0
        while not self._told_end.is_set():
            asked = self._wake.wait(pause or LOG_EVERY)
            self._wake.clear()
            if self._unsent_log is None:
                self._unsent_log = self._log.take()
            due = time.monotonic() - last >= REPORT_EVERY
            if not (asked or pause or due or self._unsent_log is not None):
                continue
            if self._send():
                pause, last = 0.0, time.monotonic()
            else:
                pause = min(5.0, max(0.2, pause * 2)) * random.uniform(0.8, 1.2)

    def _send(self) -> bool:
        cpu, memory = self._meter.read(time.monotonic())
        end = self._end
        self._seq += 1
        activity, warned = self._activity, self._warned
        report = Report(self._seq, self._ready, round(cpu, 3), memory, self._unsent_log, end, self._gpu, activity, warned)
        body = dict(report._asdict())
        body["activity"] = dict(activity._asdict()) if activity is not None else None
        body["end"] = dict(end._asdict()) if end is not None else None
        try:
            status, _answer = self._caller.call("POST", "/report", self._credential, body)
        except PortalAway:
            return False
        logged, self._unsent_log = self._unsent_log is not None, None
        # what came meanwhile stays for the next report
        self._activity = None if self._activity is activity else self._activity
        self._warned = self._warned and not warned
        if status in NOT_TAKEN and logged:
            # ready and end matter more than the log that the portal could not take: once more without it
            return False
        if status == GONE:
            self._on_gone()
        if end is not None:
            self._told_end.set()
        return True


def hear_commands(caller: Caller, credential: str, obey: Callable[[Command], None], on_gone: Callable[[], None]) -> None:
    """Long-poll for commands for ever; `obey` gets each. For a thread of its own."""
    after, pause = 0, 0.0
    while True:
        time.sleep(pause)
        path, asked = "/commands?after=%d&wait=%d" % (after, COMMAND_WAIT), time.monotonic()
        try:
            status, body = caller.call("GET", path, credential, timeout=COMMAND_WAIT + 10)
        except PortalAway:
            pause = min(5.0, max(0.2, pause * 2)) * random.uniform(0.8, 1.2)
            continue
        if status == GONE:
            on_gone()
            return
        new = [command for command in _commands(body) if command.number > after]
        # a portal that answers at once and says nothing must not be asked in a tight loop
        pause = (0.0 if new or time.monotonic() - asked > 1.0 else 1.0) if status == 200 else 5.0
        for command in new:
            after = max(after, command.number)
            obey(command)


def _commands(body: Dict[str, Any]) -> List[Command]:
    try:
        return [Command(int(item["number"]), str(item["verb"]), _seconds(item)) for item in body.get("commands") or []]
    except (KeyError, TypeError, ValueError):
        return []


def _seconds(item: Dict[str, Any]) -> Optional[float]:
    moment = item.get("ends_at")
    return float(moment) if isinstance(moment, (int, float)) else None
