"""A helper's configuration in a scratch directory, with the person who runs the tests as its only user."""

import getpass
import grp
import os
import pwd
from collections.abc import Callable
from pathlib import Path

import pytest

from armchair.helper.config import HelperConfig
from armchair.helper.people import Account


@pytest.fixture
def configured(tmp_path: Path) -> Callable[..., HelperConfig]:
    """Fields of one's own on top. The tests' own account counts as an ordinary one, whatever its uid."""

    def make(**fields: object) -> HelperConfig:
        plain: dict[str, object] = {
            "group": grp.getgrgid(os.getgid()).gr_name,
            "state_directory": tmp_path / "state",
            "audit_log": tmp_path / "log" / "helper.jsonl",
            "web_keys": tmp_path / "web",
            "gateway_keys": tmp_path / "gateway",
            "apps_domain": "apps.example.org",
        }
        # root may run the tests: its uid is none of a person, so the limit is told to be lower than it can be set
        return HelperConfig.model_validate({**plain, **fields}).model_copy(update={"minimum_uid": min(os.getuid(), 1000)})

    return make


@pytest.fixture
def me() -> Account:
    entry = pwd.getpwuid(os.getuid())
    return Account(login=getpass.getuser(), uid=entry.pw_uid, name="Me", home=entry.pw_dir, roles=("user",))
