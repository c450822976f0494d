"""Looks up accounts beside everything else: a directory that hangs holds up who asks about it, and nobody else."""

import asyncio
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

# more than ever wait at once, unless the directory hangs for everybody
_THREADS = ThreadPoolExecutor(max_workers=64, thread_name_prefix="names")


async def aside(look_up: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """What `look_up` returns or raises, from a thread."""
    return await asyncio.get_running_loop().run_in_executor(_THREADS, functools.partial(look_up, *arguments, **named))
