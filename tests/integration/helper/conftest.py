"""One helper for this folder's tests."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from .helper_stage import Site, accounts, config_in, rules, running  # noqa: TID252 - one folder's own


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    root = Path(f"/tmp/armchair-helper-{os.getpid()}")
    root.mkdir()
    config = config_in(root)
    try:
        with accounts(), rules(config, "armchair-test"), running(config, root) as made:
            yield made
    finally:
        shutil.rmtree(root, ignore_errors=True)
