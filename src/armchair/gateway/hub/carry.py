"""Copies bytes between two connections: both ways at once, each held to the pace of its reader, each ended by itself."""

import asyncio
import socket
from contextlib import suppress

CHUNK = 64 * 1024
TURNS = 16  # chunks that one direction may move before the others get their turn
IDLE, EVERY, TIMES = 60, 15, 4


async def carry(one: socket.socket, other: socket.socket) -> None:
    """Copy until both directions have ended, or one has broken. Closes neither."""
    directions = [asyncio.create_task(_copy(one, other)), asyncio.create_task(_copy(other, one))]
    try:
        await asyncio.wait(directions, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for task in directions:
            task.cancel()
        await asyncio.gather(*directions, return_exceptions=True)


def prepare(connection: socket.socket) -> None:
    """No delays, and a peer that vanished is noticed within two minutes. Firewalls see that the connection lives."""
    connection.setblocking(False)
    for level, option, value in (
        (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, IDLE),
        (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, EVERY),
        (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, TIMES),
    ):
        connection.setsockopt(level, option, value)


async def _copy(source: socket.socket, sink: socket.socket) -> None:
    loop, turns = asyncio.get_running_loop(), 0
    while data := await loop.sock_recv(source, CHUNK):
        await loop.sock_sendall(sink, data)
        turns += 1
        if turns % TURNS == 0:
            # both return at once while there is data and room: without this a fast stream would keep the others waiting
            await asyncio.sleep(0)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
