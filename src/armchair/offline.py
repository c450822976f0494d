"""The composition root of what works without a running portal: kits, and checking an application."""

from collections.abc import Callable, Sequence
from pathlib import Path

from armchair.catalogue.check import check
from armchair.catalogue.kits import Kits, KitStatus
from armchair.catalogue.loader import DirectoryCatalogue
from armchair.domain.errors import DefinitionProblem, NotFound
from armchair.launchers import command
from armchair.settings import Settings
from armchair.store.lock import holder


def kits(settings: Settings, home: Path) -> Sequence[KitStatus]:
    """All kits with their state."""
    known = _kits(settings, home)
    return [known.status(name) for name in known.names()]


async def install_kit(
    settings: Settings, home: Path, name: str, progress: Callable[[str], None], directory: Path | None = None
) -> KitStatus:
    """Install a kit in this directory, else where the settings say.

    Raises NotFound("no_such_kit"), Unavailable("kit_install_failed"), Conflict("kit_install_running").
    """
    known = Kits(directory) if directory else _kits(settings, home)
    if name not in known.names():
        raise NotFound("no_such_kit", kit=name, known=list(known.names()))
    return await known.install(name, command.run, progress)


def check_application(settings: Settings, home: Path, directory: Path) -> Sequence[DefinitionProblem]:
    """The mistakes in an application's directory; none: it can be offered."""
    return check(directory, _kits(settings, home).names())


def portal_process(home: Path) -> tuple[int, str] | None:
    """(process id, host) of the portal that has this home now; None when nobody has it."""
    found = holder(home)
    return (found.pid, found.host) if found else None


def _kits(settings: Settings, home: Path) -> Kits:
    return DirectoryCatalogue(settings.catalogue, home).kits
