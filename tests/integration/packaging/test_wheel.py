"""The wheel holds everything, front-end included, and works where there is no Node."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as `pip wheel .` does, by the pinned build requirements of this environment."""
    directory = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(directory), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
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
        "armchair/catalogue/apps/xterm/run.sh",
        "armchair/catalogue/apps/xterm/README.md",
        "armchair/catalogue/kits_shipped/jupyter.txt",
        "armchair/catalogue/types/xpra.conf",
        "armchair/store/migrations/versions/0001_first_tables.py",
        "armchair/py.typed",
    ):
        assert needed in names, needed
    assert any(name.startswith("armchair/web/static/") and name.endswith(".woff2") for name in names)
    assert not [name for name in names if "node_modules" in name or name.endswith(".ts")]


def test_it_works_without_node(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(target), str(wheel)]
    subprocess.run(install, check=True)
    code = (
        "import armchair, asyncio; from armchair.web.app import create_web; from armchair.testing.portal import fake_portal;"
        "from armchair.web.assets import asset; print(armchair.__file__); create_web(asyncio.run(fake_portal()).portal)"
    )
    environment = {"PATH": "/nonexistent", "PYTHONPATH": str(target), "HOME": os.environ.get("HOME", "/")}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert str(target) in done.stdout
