"""The web process's side of the helper's socket: asks one question on each connection, and raises what the helper raises."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from armchair.domain.errors import ArmchairError, Refused, Unavailable
from armchair.helper import protocol
from armchair.launchers.command import CommandFailed, CommandMissing, CommandTimedOut

PATIENCE = 60.0
_TYPES: Mapping[str, type[ArmchairError]] = {
    "command_missing": CommandMissing,
    "command_timed_out": CommandTimedOut,
    "command_failed": CommandFailed,
    "command_output_too_long": CommandFailed,
    "scheduler_silent": Unavailable,
    "names_silent": Unavailable,
    "helper_failed": Unavailable,
}


class HelperClient:
    """Asks the helper. Raises Refused when it says no, and Unavailable("helper_silent") without an answer: nothing is known."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def ask(self, what: str, question: Mapping[str, object], *, within: float = PATIENCE) -> dict[str, Any]:
        """The helper's answer to this question."""
        try:
            async with asyncio.timeout(within):
                line = await self._exchange(protocol.dump({"do": what, **question}))
            answer = protocol.load(line)
        except (OSError, TimeoutError, ValueError, protocol.Malformed) as error:
            raise Unavailable("helper_silent", reason=str(error) or type(error).__name__) from error
        if "error" in answer:
            kind = _TYPES.get(answer["error"], Refused)
            raise kind(answer["error"], **answer.get("params", {}))
        found: dict[str, Any] = answer["ok"]
        return found

    async def _exchange(self, line: bytes) -> bytes:
        reader, writer = await asyncio.open_unix_connection(str(self._path), limit=protocol.ANSWER_LIMIT)
        try:
            writer.write(line)
            await writer.drain()
            answer = await reader.readline()
            if not answer:
                raise ConnectionResetError("it closed the connection")
            return answer
        finally:
            writer.close()
