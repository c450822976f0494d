"""Builds application directories to make mistakes in."""

from collections.abc import Callable
from pathlib import Path

import pytest

GOOD = """\
title = "Demo"
description = "Shows something."
type = "web"
"""
ICON = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><path d="M0 0h8"/></svg>'
Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """make(extra TOML, name=…, script=…, icon=…, readme=…, toml=…) → the directory; None leaves a file out."""

    def build(
        extra: str = "",
        *,
        name: str = "demo",
        root: str = "site",
        toml: str | None = None,
        script: str | None = "#!/bin/sh\nexec true\n",
        icon: str | None = ICON,
        readme: str | None = "# Demo\n",
    ) -> Path:
        directory = tmp_path / root / name
        directory.mkdir(parents=True, exist_ok=True)
        files = {"app.toml": GOOD + extra if toml is None else toml, "run.sh": script, "icon.svg": icon, "README.md": readme}
        for file, text in files.items():
            if text is not None:
                (directory / file).write_text(text)
        return directory

    return build
