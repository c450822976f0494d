"""Finds the launchers by entry point; one that can't be used is a visible row and never stops the portal."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import structlog

from armchair.domain.errors import BadSettings
from armchair.launchers.schedulerdoor import SlurmDoor
from armchair.sessions.launcherports import Launcher

log = structlog.get_logger(__name__)

GROUP = "armchair.launchers"
BUILT_IN = {"local": "armchair.launchers.local:create", "slurm": "armchair.launchers.slurm:create"}


@dataclass(frozen=True, slots=True, kw_only=True)
class LauncherContext:
    """What a launcher is made from: its cluster's name, the portal's home, the portal's instance id and its own settings.

    `door` is how Slurm's commands are run where the portal must not run them itself.
    """

    name: str
    home: Path
    instance: str
    settings: Mapping[str, object]
    door: SlurmDoor | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LauncherRow:
    """One cluster with its launcher. `problem` is a sentence for the administrator when `launcher` is None, else ""."""

    name: str
    launcher: Launcher | None
    problem: str = ""


def load(
    home: Path,
    instance: str,
    clusters: Mapping[str, tuple[str, Mapping[str, object]]],
    door: Callable[[str], SlurmDoor | None] = lambda _cluster: None,
) -> tuple[LauncherRow, ...]:
    """The launcher of each cluster, in the order given. `clusters`: name → (launcher, its settings). Never raises."""
    points = _entry_points()
    rows = []
    for name, (launcher, settings) in clusters.items():
        context = LauncherContext(name=name, home=home, instance=instance, settings=settings, door=door(name))
        rows.append(_row(points.get(launcher), launcher, context))
    return tuple(rows)


def installed() -> frozenset[str]:
    """The names of the installed launchers."""
    return frozenset(_entry_points())


def _entry_points() -> dict[str, metadata.EntryPoint]:
    """The installed launchers; in a checkout that is not installed the built-in ones come from the table above."""
    points = {point.name: point for point in metadata.entry_points(group=GROUP)}
    for name, value in BUILT_IN.items():
        points.setdefault(name, metadata.EntryPoint(name=name, value=value, group=GROUP))
    return points


def _row(point: metadata.EntryPoint | None, wanted: str, context: LauncherContext) -> LauncherRow:
    if point is None:
        return _broken(context, f"There is no launcher {wanted!r}. Installed are: {', '.join(sorted(installed()))}.")
    try:
        create: Callable[[LauncherContext], Launcher] = point.load()
        return LauncherRow(name=context.name, launcher=create(context))
    except BadSettings as error:
        return _broken(context, f"A setting of the launcher is wrong: {error}")
    except Exception as error:  # noqa: BLE001 - plug-in loading: foreign code may raise anything, and the portal must start
        return _broken(context, f"{point.value} can't be used: {type(error).__name__}: {error}")


def _broken(context: LauncherContext, problem: str) -> LauncherRow:
    log.warning("launcher.unusable", cluster=context.name, problem=problem)
    return LauncherRow(name=context.name, launcher=None, problem=problem)
