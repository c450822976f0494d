"""Stand-ins for a thousand agents: each reports every 15 seconds and always has a question for commands open, as real ones do.

They speak with the portal's own socket, behind the gateway, which lets no single address have so many. One process for all:

    python benchmarks/_standin_agents.py SOCKET < CREDENTIALS
"""

import asyncio
import json
import random
import sys

from armchair.wire.messages import API, COMMAND_WAIT, REPORT_EVERY


async def agent(path: str, credential: str) -> None:
    """One agent, for ever."""
    await asyncio.gather(_reports(path, credential), _polls(path, credential))


async def _reports(path: str, credential: str) -> None:
    await asyncio.sleep(random.uniform(0, REPORT_EVERY))
    number = 0
    while True:
        number += 1
        body = {"seq": number, "ready": True, "cpu": 0.4, "memory": 2**30 + number, "log": None, "end": None, "version": 1}
        await _ask(path, "POST", "/report", credential, json.dumps(body))
        await asyncio.sleep(REPORT_EVERY)


async def _polls(path: str, credential: str) -> None:
    await asyncio.sleep(random.uniform(0, REPORT_EVERY))
    while True:
        await _ask(path, "GET", f"/commands?after=0&wait={COMMAND_WAIT:.0f}", credential, "")


async def _ask(path: str, method: str, target: str, credential: str, body: str) -> None:
    """One request on a connection of its own; a portal that is away is asked again later."""
    try:
        reader, writer = await asyncio.open_unix_connection(path)
        head = f"{method} {API}{target} HTTP/1.1\r\nHost: agents\r\nAuthorization: Bearer {credential}\r\nConnection: close\r\n"
        writer.write(f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        answer = await reader.read()
        writer.close()
    except OSError:
        answer = b""
    if b" 200 " not in answer[:20]:
        await asyncio.sleep(2)


async def main(path: str) -> None:
    """All of them."""
    await asyncio.gather(*(agent(path, line.strip()) for line in sys.stdin))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
