"""Finds the launchers by entry point; one that can't be used is a visible row and never stops the portal."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import structlog

from armchair.domain.errors import BadSettings
from armchair.sessions.ports import Launcher

log = structlog.get_logger(__name__)

GROUP = "armchair.launchers"
BUILT_IN = {"local": "armchair.launchers.local:create"}


@dataclass(frozen=True, slots=True, kw_only=True)
class LauncherContext:
    """What a launcher is made from: its name here, the portal's home, the portal's instance id and its own settings."""

    name: str
    home: Path
    instance: str
    settings: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class LauncherRow:
    """One installed launcher. `problem` is a sentence for the administrator when `launcher` is None, else ""."""

    name: str
    launcher: Launcher | None
    problem: str = ""


def load(home: Path, instance: str, settings: Mapping[str, Mapping[str, object]]) -> tuple[LauncherRow, ...]:
    """All installed launchers by name. `settings` maps a launcher's name to its own settings. Never raises."""
    rows = [_row(point, home, instance, settings) for point in _entry_points()]
    known = {row.name for row in rows}
    rows += [
        LauncherRow(name=name, launcher=None, problem=f"There are settings for the launcher {name!r}, but it is not installed.")
        for name in settings
        if name not in known
    ]
    return tuple(sorted(rows, key=lambda row: row.name))


def _entry_points() -> list[metadata.EntryPoint]:
    """The installed launchers; in a checkout that is not installed the built-in ones come from the table above."""
    points = {point.name: point for point in metadata.entry_points(group=GROUP)}
    for name, value in BUILT_IN.items():
        points.setdefault(name, metadata.EntryPoint(name=name, value=value, group=GROUP))
    return list(points.values())


def _row(point: metadata.EntryPoint, home: Path, instance: str, settings: Mapping[str, Mapping[str, object]]) -> LauncherRow:
    context = LauncherContext(name=point.name, home=home, instance=instance, settings=settings.get(point.name, {}))
    try:
        create: Callable[[LauncherContext], Launcher] = point.load()
        return LauncherRow(name=point.name, launcher=create(context))
    except BadSettings as error:
        return _broken(point, f"A setting of the launcher is wrong: {error}")
    except Exception as error:  # noqa: BLE001 - plug-in loading: foreign code may raise anything, and the portal must start
        return _broken(point, f"{point.value} can't be used: {type(error).__name__}: {error}")


def _broken(point: metadata.EntryPoint, problem: str) -> LauncherRow:
    log.warning("launcher.unusable", launcher=point.name, problem=problem)
    return LauncherRow(name=point.name, launcher=None, problem=problem)
