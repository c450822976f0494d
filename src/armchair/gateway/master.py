"""What can be said to a running HAProxy through its master socket, and what its answers mean."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from armchair.domain.errors import Unavailable

ANSWER_TIME = 1.0
RELOAD_TIME = 0.4
_PROCESS = re.compile(r"^(\d+)\s+(master|worker)\s", re.MULTILINE)
_DESCRIPTION = re.compile(r"^description: (\S*)", re.MULTILINE | re.IGNORECASE)
_STREAM = re.compile(r"\n(?=0x[0-9a-f]+:)")
_ROW = re.compile(r"(\w+)=(\S+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Processes:
    """The processes of one HAProxy. `old`: workers from before a reload that still carry streams."""

    master: int
    current: int | None
    old: tuple[int, ...]

    @property
    def workers(self) -> tuple[int, ...]:
        return (*((self.current,) if self.current else ()), *self.old)


async def command(socket: Path, text: str, within: float = ANSWER_TIME) -> str:
    """The answer to one line. Raises Unavailable("gateway_silent") when none comes in time."""
    try:
        async with asyncio.timeout(within):
            answer = await _exchange(socket, text)
    except (OSError, TimeoutError) as error:
        raise Unavailable("gateway_silent") from error
    return answer.decode("utf-8", "replace").strip()


async def _exchange(socket: Path, text: str) -> bytes:
    """One connection for one line; again when a master that is just loading a new configuration refuses or drops it."""
    deadline = asyncio.get_running_loop().time() + RELOAD_TIME
    while True:
        try:
            reader, writer = await asyncio.open_unix_connection(str(socket))
            try:
                writer.write(text.encode() + b"\n")
                # the socket stays open for more commands otherwise
                writer.write_eof()
                return await reader.read()
            finally:
                writer.close()
        except ConnectionError:
            if asyncio.get_running_loop().time() > deadline:
                raise
            await asyncio.sleep(0.02)


async def processes(socket: Path) -> Processes:
    """The master and its workers. Raises Unavailable when no HAProxy answers."""
    return parse_processes(await command(socket, "show proc"))


def parse_processes(text: str) -> Processes:
    """What `show proc` says. Raises Unavailable("gateway_silent") when it names no master."""
    now, _, before = text.partition("# old workers")
    before, _, _ = before.partition("# programs")
    found = _PROCESS.findall(now)
    masters = [int(pid) for pid, kind in found if kind == "master"]
    workers = [int(pid) for pid, kind in found if kind == "worker"]
    if not masters:
        raise Unavailable("gateway_silent")
    old = tuple(int(pid) for pid, kind in _PROCESS.findall(before) if kind == "worker")
    return Processes(master=masters[0], current=workers[0] if workers else None, old=old)


async def fingerprint(socket: Path) -> str:
    """The fingerprint of the configuration that the current worker runs; "" when there is no worker."""
    return parse_fingerprint(await command(socket, "@1 show info"))


def parse_fingerprint(text: str) -> str:
    """The description in what `show info` says."""
    found = _DESCRIPTION.search(text)
    return found.group(1) if found else ""


def parse_streams(text: str, targets: Sequence[tuple[str, int]]) -> list[str]:
    """The ids, in what `show sess all` says, of the streams whose server side is one of the targets."""
    wanted = [re.compile(rf"\bserver=\S+.*?\baddr={re.escape(host)}:{port}\b", re.DOTALL) for host, port in targets]
    blocks = _STREAM.split("\n" + text)
    return [block.split(":", 1)[0].strip() for block in blocks if any(pattern.search(block) for pattern in wanted)]


def parse_table(text: str) -> dict[str, dict[str, int]]:
    """The rows in what `show table st_sess` says, by key; versions differ in which fields there are."""
    rows: dict[str, dict[str, int]] = {}
    for line in text.splitlines():
        fields = dict(_ROW.findall(line))
        key = fields.pop("key", "")
        if key:
            rows[key] = {name: int(value) for name, value in fields.items() if value.isdigit()}
    return rows
