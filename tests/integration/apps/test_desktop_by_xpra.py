"""A desktop through Xpra: one window that is the whole screen, with a window manager of its own in it."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from armchair.catalogue.loader import DirectoryCatalogue
from armchair.catalogue.settings import CatalogueSettings
from armchair.testing.viewers.stream import through_front
from armchair.testing.viewers.xpra import Window, Xpra

APP = """
title = "Desktop by Xpra"
description = "For tests."
version = "1"
type = "desktop"
command = "openbox --sm-disable --startup 'xterm -title inside'"

[display]
backend = "xpra"
"""


@pytest.fixture
def catalogue(tmp_path: Path) -> DirectoryCatalogue:
    """With a desktop of the site's on Xpra."""
    app = tmp_path / "apps" / "whole"
    app.mkdir(parents=True)
    (app / "app.toml").write_text(APP)
    return DirectoryCatalogue(CatalogueSettings(directories=(tmp_path / "apps",)), tmp_path)


def colours(window: Window) -> int:
    return len({bytes(window.picture[at : at + 3]) for at in range(0, len(window.picture), 3)})


def look(path: Path) -> Window:
    """What somebody sees who comes with a browser of this size: the first window, once several colours are in it."""
    client = Xpra(through_front(str(path), "/"), size=(1100, 700))
    window = client.drawn()
    while colours(window) < 5:
        client.until(b"draw")
    client.close()
    return window


async def test_it_is_one_window_of_the_browsers_size_with_a_window_manager_inside(start: Any) -> None:
    run = start("whole")
    await run.ready()
    window = await asyncio.to_thread(look, run.socket)
    assert (window.width, window.height) == (1100, 700)
    await run.stop()
    assert run.left() == []
