"""The catalogue: application directories, read again when they change, without a restart."""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path

import structlog

from armchair.catalogue import containers, definition
from armchair.catalogue.definition import Definition
from armchair.catalogue.images import Images
from armchair.catalogue.kits import Kits
from armchair.catalogue.settings import CatalogueSettings
from armchair.catalogue.types import common, web, x11
from armchair.domain.application import Application, AppType, Missing, Plan, Transport
from armchair.domain.errors import BadDefinition, DefinitionProblem, NotFound
from armchair.sessions.ports import SpecContext
from armchair.wire.runspec import RunSpec, SpecFile

log = structlog.get_logger()

LOOK_EVERY = 1.0  # seconds between looks at the directories
MISSING_FOR = 5.0  # seconds for which the answer to "what is missing" is kept
ACTIVITY = "activity"  # the name of the activity script on the node
_TYPES = {AppType.WEB: web.spec, AppType.X11: x11.spec, AppType.DESKTOP: x11.spec}

Signature = tuple[tuple[str, int, int, int], ...]


@dataclass(slots=True)
class _Entry:
    """One application directory: as it was last looked at, and the last good definition in it."""

    signature: Signature
    definition: Definition | None
    problems: Sequence[DefinitionProblem]


class DirectoryCatalogue:
    """The applications in the built-in directory and the site's. Implements the Catalogue port.

    A definition that breaks while the portal runs leaves the last good one in force, so that a slip of an editor takes
    nothing away from people; the problem shows as a row. A directory that is broken from the start offers nothing, also when
    there is a built-in application of the name: the site meant to replace that one.

    `here` are the clusters whose jobs run on this machine; None: all are.
    """

    def __init__(
        self,
        settings: CatalogueSettings,
        home: Path,
        *,
        clock: Callable[[], float] = time.monotonic,
        same_account: bool = True,
        here: frozenset[str] | None = None,
    ) -> None:
        self._settings = settings
        self._here = here
        self._images = Images(settings.containers, same_account=same_account)
        self._clock = clock
        self.kits = Kits(settings.kits_directory or home / "kits")
        self._entries: dict[str, _Entry] = {}
        self._unreadable: list[DefinitionProblem] = []
        self._looked = -LOOK_EVERY
        self._shown: dict[str, tuple[Definition, Application]] = {}
        self._shown_at = -MISSING_FOR

    def applications(self) -> Sequence[Application]:
        """All valid applications, by title, with what they lack here."""
        self._look()
        found = [self._present(entry.definition) for entry in self._entries.values() if entry.definition]
        return sorted(found, key=lambda application: (application.title.casefold(), application.name))

    def problems(self) -> Sequence[DefinitionProblem]:
        """What is wrong with the definitions, by file."""
        self._look()
        found = [problem for entry in self._entries.values() for problem in entry.problems]
        return [*self._unreadable, *sorted(found, key=lambda problem: (problem.file, problem.line))]

    def get(self, name: str) -> Application:
        """The application of this name. Raises NotFound("no_such_application")."""
        return self._present(self._definition(name))

    async def check(self, application: Application, plan: Plan, *, here: bool) -> None:
        """Raises InvalidInput for what can be known only by a look at files: a container image that can't be used."""
        await self._images.check(application, plan, here=here)

    def spec(self, application: Application, plan: Plan, context: SpecContext) -> RunSpec:
        """What the agent is to run. Raises BadDefinition when the application has gone."""
        try:
            found = self._definition(application.name)
        except NotFound:
            file = str(Path(application.directory) / definition.APP_FILE)
            message = "The application is there no more."
            raise BadDefinition([DefinitionProblem(file=file, line=0, key="", message=message)]) from None
        kit = self.kits.status(application.kit).directory if application.kit else ""
        around = containers.surroundings(application, plan, self._settings.containers)
        tools = common.Tools(kit=kit, python=sys.executable, around=around)
        spec = _TYPES[application.type](application, plan, context, found.script, tools)
        spec = spec._replace(warning_signal=application.warning_signal)
        if not found.activity:
            return spec
        return spec._replace(files=(*spec.files, SpecFile(ACTIVITY, found.activity, 0o700)), activity=(ACTIVITY,))

    def _definition(self, name: str) -> Definition:
        self._look()
        entry = self._entries.get(name)
        if entry is None or entry.definition is None:
            raise NotFound("no_such_application", app=name)
        return entry.definition

    def _look(self) -> None:
        """Read what has changed, at most once a second."""
        now = self._clock()
        if now - self._looked < LOOK_EVERY:
            return
        self._looked = now
        known = self._entries
        self._entries = {name: self._entry(path, known.get(name)) for name, path in self._directories().items()}

    def _directories(self) -> dict[str, Path]:
        """Application name → directory. Site directories come after the built-in one, so theirs stand."""
        self._unreadable = []
        found: dict[str, Path] = {}
        builtin = Path(str(resources.files("armchair.catalogue"))) / "apps"
        for root in (builtin, *self._settings.directories):
            try:
                paths = sorted(path for path in root.expanduser().iterdir() if path.is_dir())
            except OSError as error:
                message = f"This directory of applications can't be read: {error.strerror}."
                self._unreadable.append(DefinitionProblem(file=str(root), line=0, key="", message=message))
                continue
            found.update({path.name: path for path in paths if not path.name.startswith((".", "_"))})
        return found

    def _entry(self, path: Path, known: _Entry | None) -> _Entry:
        signature = _signature(path)
        if known is not None and known.signature == signature:
            return known
        found, problems = definition.read(path)
        if problems:
            log.warning("catalogue.broken", app=path.name, problems=len(problems), first=str(problems[0]))
        elif known is not None:
            log.info("catalogue.changed", app=path.name)
        # the last good definition stays in force, but only one from this same directory
        same = (
            known is not None
            and known.definition is not None
            and known.definition.application.directory == str(path.absolute())
        )
        return _Entry(signature, found or (known.definition if known and same else None), problems)

    def _present(self, found: Definition) -> Application:
        """The application with what is missing now, and without choices that the administrator has not allowed.

        Kept for a while: a long list asks for the same few applications hundreds of times.
        """
        now = self._clock()
        if now - self._shown_at >= MISSING_FOR:
            self._shown, self._shown_at = {}, now
        plain = found.application
        known, shown = self._shown.get(plain.name, (None, plain))
        if known is not found:
            certain = self._runs_here(plain)
            absent = (*found.requirements.programs(), *containers.missing(plain, self._settings.containers))
            kits = found.requirements.kits(self.kits)
            missing = (*(absent if certain else ()), *kits, *self._forbidden(plain))
            unseen = () if certain else tuple(one.what for one in absent)
            shown = replace(self._without_open_port(plain), missing=missing, unseen=unseen)
            self._shown[plain.name] = found, shown
        return shown

    def _runs_here(self, application: Application) -> bool:
        """Whether its jobs may run on this machine, so that what this machine lacks is certainly absent."""
        return self._here is None or (
            not self._here.isdisjoint(application.clusters) if application.clusters else bool(self._here)
        )

    def _forbidden(self, application: Application) -> tuple[Missing, ...]:
        if application.transport is not Transport.TCP_LOOPBACK or self._settings.allow_open_loopback_ports:
            return ()
        return (Missing(what="leave to open a loopback port", cure="allow_open_loopback_ports = true"),)

    def _without_open_port(self, application: Application) -> Application:
        if not application.transport_field or self._settings.allow_open_loopback_ports:
            return application
        fields = tuple(
            replace(field, choices=tuple(one for one in field.choices if one.value != Transport.TCP_LOOPBACK.value))
            if field.name == application.transport_field
            else field
            for field in application.fields
        )
        return replace(application, fields=fields)


def _signature(path: Path) -> Signature:
    """Names, times, sizes and inodes of the files: differs when one of them has changed. The directory's path is part of it."""
    found: list[tuple[str, int, int, int]] = [(str(path), 0, 0, 0)]
    try:
        for entry in sorted(entry for entry in path.iterdir() if entry.name != "__pycache__"):
            status = entry.stat()
            found.append((entry.name, status.st_mtime_ns, status.st_size, status.st_ino))
    except OSError:
        # a file came or went between the listing and the look; the next look sees it settled
        found.append(("", time.monotonic_ns(), 0, 0))
    return tuple(found)
