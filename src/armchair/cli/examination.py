"""`armchair doctor --cluster`: shows what a short job on the cluster finds, as it finds it."""

import asyncio
from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from armchair.cli import logs
from armchair.cli.output import FAILED, print_json
from armchair.doctor import Doctor, Finding
from armchair.domain.session import Placement
from armchair.settings import Settings
from armchair.words.findings import finding

_WAITS = {"controller": "Asking the controller…", "output": "Reading what the job finds…"}


def examine(settings: Settings, home: Path, cluster: str, placement: Placement, wait: float, *, as_json: bool) -> int:
    """The exit code: 0 when all is well or only warned of. Raises NotFound for an unknown cluster."""
    logs.nowhere()
    doctor = Doctor(settings, home, cluster, placement, wait)
    found = asyncio.run(_collect(doctor) if as_json else _show(doctor))
    if as_json:
        print_json({"cluster": cluster, "findings": [_row(one) for one in found]})
    return FAILED if any(not one.ok and one.grave for one in found) else 0


async def _collect(doctor: Doctor) -> list[Finding]:
    return [one async for one in doctor.examine()]


async def _show(doctor: Doctor) -> list[Finding]:
    console, found = Console(highlight=False, soft_wrap=False), []
    with console.status("") as status:

        async def tell() -> None:
            while True:
                status.update(_WAITS.get(doctor.waits_for) or f"Waiting for the job to start… {doctor.waits_for}")
                await asyncio.sleep(0.2)

        telling = asyncio.create_task(tell())
        try:
            async for one in doctor.examine():
                found.append(one)
                _print(console, one)
        finally:
            telling.cancel()
    return found


def _print(console: Console, one: Finding) -> None:
    sentence, cure = finding(one.code, one.params, ok=one.ok)
    mark, style = ("✓", "green") if one.ok else ("✗", "red") if one.grave else ("!", "yellow")
    console.print(Text.assemble((f" {mark} ", style), sentence))
    if cure:
        console.print(Padding(Text(cure, style="dim"), (0, 0, 0, 3)))


def _row(one: Finding) -> dict[str, object]:
    sentence, cure = finding(one.code, one.params, ok=one.ok)
    verdict = "ok" if one.ok else "bad" if one.grave else "warning"
    return {"check": one.code, "verdict": verdict, "finding": sentence, "cure": cure, "facts": dict(one.params)}
