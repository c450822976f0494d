"""Images before a session is accepted: which ones people may give, and what can be said of them from here."""

import asyncio
import functools
import os
import re
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path, PurePosixPath

import structlog

from armchair.catalogue import containers
from armchair.catalogue.settings import ContainersSettings
from armchair.domain.application import Application, Plan
from armchair.domain.errors import FieldError, InvalidInput
from armchair.node.container import elf
from armchair.node.container import image as node_image
from armchair.wire.trouble import Trouble

log = structlog.get_logger()

PATIENCE = 2.0  # seconds that a person waits for a file server; the node has more patience
LOOKERS = 4  # looks at a time; those that hang on a dead server take no more than these
NODE_LOCAL = ("/tmp", "/var/tmp", "/dev", "/run", "/proc")  # noqa: S108 - not used as such: what is there differs by machine


class Images:
    """Looks at images for the portal.

    `same_account`: the portal runs as the people do, so it sees what they see and shows nobody more than that. Otherwise it
    looks at the site's images only: what it may read is not always theirs to know of.
    """

    def __init__(self, settings: ContainersSettings, *, same_account: bool) -> None:
        self._settings = settings
        self._same_account = same_account
        self._looks: set[threading.Thread] = set()

    async def check(self, application: Application, plan: Plan, *, here: bool) -> None:
        """Raises InvalidInput for an image that may not be used, or of which it is certain that it can't be.

        `here`: the session is to run on this machine. An image that can't be seen from here is left to the node.
        """
        container = application.container
        if container is None:
            return
        path = containers.image(container, plan)
        field = container.image_field
        ours = not field or allowed(path, self._settings.images)
        if not ours and not self._settings.own_images:
            raise _invalid(field, "image_forbidden", path, allowed=list(self._settings.images))
        if field and (not path.startswith(("/", "~/")) or "\0" in path):
            raise _invalid(field, "image_not_a_path", path)
        there = self._seen(path) if ours or self._same_account else ""
        trouble = await self._look(there, here=here) if there else None
        if trouble is not None:
            raise InvalidInput([replace(trouble, field=field)])

    def _seen(self, path: str) -> str:
        """The path with what is filled in on the node, and as short as there; "" when that can't be known here."""
        there = os.path.normpath(str(Path(os.path.expandvars(path)).expanduser()) if self._same_account else path)
        return there if there.startswith("/") and "$" not in there else ""

    async def _look(self, path: str, *, here: bool) -> FieldError | None:
        self._looks = {look for look in self._looks if look.is_alive()}
        if len(self._looks) >= LOOKERS:
            return None
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[FieldError | None] = loop.create_future()

        def look() -> None:
            found = _trouble(path, here=here)
            with suppress(RuntimeError):  # the portal has ended meanwhile
                loop.call_soon_threadsafe(lambda: None if answer.done() else answer.set_result(found))

        # no pool: at the portal's end it would wait for the file server
        thread = threading.Thread(target=look, name="image", daemon=True)
        self._looks.add(thread)
        thread.start()
        try:
            return await asyncio.wait_for(answer, PATIENCE)
        except TimeoutError:
            log.warning("image.slow", path=path)
            return None


def allowed(path: str, patterns: tuple[str, ...]) -> bool:
    """Whether one of the patterns means this path: `*` is within a name, `**` any number of directories.

    A path with variables is none of the site's: what the node makes of them is the person's to say.
    """
    plain = os.path.normpath(path)
    return plain.startswith("/") and "$" not in plain and any(_pattern(pattern).fullmatch(plain) for pattern in patterns)


@functools.lru_cache(256)
def _pattern(text: str) -> re.Pattern[str]:
    words = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    pieces = re.split(r"(\*\*/|\*\*|\*|\?)", os.path.normpath(text))
    return re.compile("".join(words.get(piece, re.escape(piece)) for piece in pieces), re.DOTALL)


def _trouble(path: str, *, here: bool) -> FieldError | None:
    """In a thread: what certainly keeps this image from running, if anything does, for a field without a name."""
    try:
        found = node_image.inspect(path)
    except Trouble as trouble:
        seen = trouble.code != node_image.MISSING or here or _would_be_seen(path)
        # what the portal may not read, the person may
        if trouble.code == node_image.UNREADABLE or not seen:
            return None
        return FieldError(field="", code=trouble.code, params={"path": path, "reason": str(trouble.__cause__)})
    machine = os.uname().machine
    if not here or elf.runs_on(found.machine, machine):
        return None
    params: dict[str, object] = {"path": path, "machine": found.machine, "here": machine}
    return FieldError(field="", code=node_image.ARCHITECTURE, params=params)


def _would_be_seen(path: str) -> bool:
    """Whether what is absent from this directory here is absent from it on the nodes too, as far as one can tell."""
    parents = [str(parent) for parent in PurePosixPath(path).parents]
    return os.access(parents[0], os.R_OK | os.X_OK) and not any(parent in NODE_LOCAL for parent in parents)


def _invalid(field: str, code: str, path: str, **params: object) -> InvalidInput:
    return InvalidInput([FieldError(field=field, code=code, params={"path": path, **params})])
