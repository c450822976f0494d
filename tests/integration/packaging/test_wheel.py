"""The wheel holds everything, front-end included, and works where there is no Node."""

import os
import subprocess  # noqa: TID251 - pip is what is tried here
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def pip(command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """pip of this environment, without dependencies."""
    argv = [sys.executable, "-m", "pip", command, "--quiet", "--no-deps", *arguments]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as `pip wheel .` does, by this environment's pinned build requirements."""
    directory = tmp_path_factory.mktemp("wheel")
    done = pip("wheel", "--no-build-isolation", "-w", str(directory), str(ROOT))
    assert done.returncode == 0, done.stderr[-3000:]
    return next(directory.glob("armchair-*.whl"))


def test_it_holds_what_is_not_python(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for needed in (
        "armchair/web/static/manifest.json",
        "armchair/web/templates/base.html",
        "armchair/gateway/templates/haproxy.cfg.j2",
        "armchair/catalogue/apps/terminal/static/main.js",
        "armchair/catalogue/apps/jupyterlab/app.toml",
        "armchair/catalogue/kits_shipped/jupyter.txt",
        "armchair/catalogue/displays/xpra.conf",
        "armchair/store/migrations/versions/0001_first_tables.py",
        "armchair/py.typed",
    ):
        assert needed in names, needed
    apps = ROOT / "src/armchair/catalogue/apps"
    shipped = {f"armchair/catalogue/apps/{path.relative_to(apps)}" for path in apps.glob("*/*") if path.is_file()}
    assert len(shipped) > 40
    assert shipped - set(names) == set()
    assert any(name.startswith("armchair/web/static/") and name.endswith(".woff2") for name in names)
    assert not [name for name in names if "node_modules" in name or name.endswith(".ts")]


def test_it_works_without_node(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / "site"
    assert pip("install", "--no-index", "--target", str(target), str(wheel)).returncode == 0
    code = (
        "import armchair, asyncio; from armchair.web.app import create_web; from armchair.testing.portal import fake_portal;"
        "from armchair.web.assets import asset; print(armchair.__file__); create_web(asyncio.run(fake_portal()).portal)"
    )
    environment = {"PATH": "/nonexistent", "PYTHONPATH": str(target), "HOME": os.environ.get("HOME", "/")}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert str(target) in done.stdout
