"""The helper's process: loads its configuration, makes its keys, lays out those of the others, listens."""

import asyncio
import os
import signal
from pathlib import Path

import structlog

from armchair.domain.errors import ArmchairError
from armchair.helper.config import load
from armchair.helper.server import Door, Helper
from armchair.helper.statements import MANDATE_LIFE

log = structlog.get_logger(__name__)

KEYS_EVERY = 300.0


async def run(path: Path) -> None:
    """Serve until SIGTERM or SIGINT. Raises BadSettings, StorageFull, Unavailable("key_damaged")."""
    os.umask(0o077)
    helper = Helper(load(path))
    door = Door(helper)
    helper.signer.lay_out()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(door.serve(lambda: log.info("helper.up", socket=str(helper.config.socket))))
        tending = tasks.create_task(_tend(helper))
        await stopped.wait()
        serving.cancel()
        tending.cancel()


async def _tend(helper: Helper) -> None:
    """Keep the certificates fresh, and the others' copies with them."""
    while True:
        await asyncio.sleep(KEYS_EVERY)
        try:
            await asyncio.to_thread(helper.signer.renew)
            helper.owners.forget(MANDATE_LIFE.total_seconds() * 2)
        except (OSError, ArmchairError):  # a full disk: tried again
            log.exception("helper.keys_not_renewed")
