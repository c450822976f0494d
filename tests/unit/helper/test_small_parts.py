"""Brakes, people, owners, the sudo rules: each as its docstring promises."""

import ctypes
import json
import os
from collections.abc import Callable
from pathlib import Path

import pamela  # type: ignore[import-untyped]
import pytest

from armchair.domain.errors import BadSettings, Refused
from armchair.domain.secret import Secret
from armchair.helper import files, names, protocol
from armchair.helper.brakes import Brakes
from armchair.helper.config import HelperConfig, load
from armchair.helper.conversation import Conversation
from armchair.helper.owners import Owners
from armchair.helper.people import Account, account, known_as

Configured = Callable[..., HelperConfig]


# --- brakes ---


def test_ever_new_names_neither_fill_the_memory_nor_take_long():
    brakes = Brakes()
    for number in range(45_000):
        brakes.tried({f"login {number}": 3}, float(number) / 100)
    assert len(brakes._failures) <= 20_002
    assert "login 44999" in brakes._failures, "the latest are kept"


# --- people ---


def test_an_ordinary_member_is_a_user_with_roles(configured: Configured, me: Account):
    assert account(configured(), me.login).roles == ("user",)
    assert account(configured(operators=(me.login,)), me.login).roles == ("user", "operator")
    assert account(configured(admins=(f"@{configured().group}",)), me.login).roles == ("user", "operator", "admin")


@pytest.mark.parametrize("login", ["", "no such", "nobody", "-x", "a\0b", "0"])
def test_others_are_not(configured: Configured, login: str):
    with pytest.raises(Refused) as caught:
        account(configured(), login)
    assert caught.value.code == "not_a_user"


def test_a_uid_below_the_limit_is_no_user(configured: Configured, me: Account):
    low = configured().model_copy(update={"minimum_uid": os.getuid() + 1})
    with pytest.raises(Refused):
        account(low, me.login)


class Entry:
    pw_name = "ada"


def test_all_ways_to_write_a_login_are_one(monkeypatch: pytest.MonkeyPatch):
    """As a directory is that takes ADA for ada; otherwise each would be good for guesses of its own."""
    monkeypatch.setattr(names, "user", lambda login: Entry if login.casefold() in {"ada", "ada@example.org"} else None)
    assert {known_as(login) for login in ("ada", "ADA", "Ada@Example.org")} == {"ada"}
    assert {known_as(login) for login in ("nobody-here", "Nobody-HERE")} == {"nobody-here"}


# --- conversations with PAM ---


@pytest.mark.parametrize("answers", [["\ud800"], ["a", "b"], []])
def test_answers_that_can_not_be_handed_over_are_none(answers: list[str]):
    """PAM takes an exception for success."""
    one = object.__new__(Conversation)
    one._messages = []
    one._ask = lambda _prompts: [Secret(text) for text in answers]  # type: ignore[method-assign]
    text = ctypes.cast(ctypes.create_string_buffer(b"Password: "), ctypes.POINTER(ctypes.c_char))
    message = pamela.PamMessage(pamela.PAM_PROMPT_ECHO_OFF, text)
    response = (ctypes.POINTER(pamela.PamResponse) * 1)()
    assert one._converse(1, (ctypes.POINTER(pamela.PamMessage) * 1)(ctypes.pointer(message)), response, None) == 19
    assert not response[0]


# --- owners ---

ALICES = "a" * 26


def test_a_session_is_whose_it_was_first(tmp_path: Path):
    owners = Owners(tmp_path / "sessions")
    owners.claim(ALICES, 1001)
    owners.claim(ALICES, 1001)
    for again in (owners, Owners(tmp_path / "sessions")):
        with pytest.raises(Refused) as caught:
            again.claim(ALICES, 1002)
        assert caught.value.code == "not_your_session"
    assert [entry.name for entry in (tmp_path / "sessions").iterdir()] == [ALICES]


@pytest.mark.parametrize("name", ["", "..", "../../etc/x", "A" * 26, "a/b", "a" * 300, "a" * 20 + "\n"])
def test_what_is_no_session_id_is_nobodys(tmp_path: Path, name: str):
    with pytest.raises(Refused):
        Owners(tmp_path).claim(name, 1001)
    assert not list(tmp_path.iterdir())


def test_owners_are_forgotten_when_they_are_old(tmp_path: Path):
    owners = Owners(tmp_path)
    owners.claim(ALICES, 1001)
    owners.forget(60)
    assert (tmp_path / ALICES).exists()
    os.utime(tmp_path / ALICES, (0, 0))
    owners.forget(60)
    assert not (tmp_path / ALICES).exists()


# --- files and configuration ---


def test_the_sudo_rules_name_two_commands_and_one_way_to_read(configured: Configured):
    clusters = {"a": {"bin_directory": "/opt/slurm/bin"}, "b": {}}
    text = files.sudoers(configured(group="people", clusters=clusters))
    rules = [line for line in text.splitlines() if not line.startswith(("#", "Defaults"))]
    assert rules == [
        (
            "armchair-helper ALL=(%people) NOPASSWD: /opt/slurm/bin/sbatch, /opt/slurm/bin/scancel, /usr/bin/sbatch, "
            "/usr/bin/scancel, /usr/bin/timeout -s KILL 9 /usr/bin/tail -c 65536 -- *"
        )
    ]


@pytest.mark.parametrize(
    ("group", "written"),
    [("hpc users", r"hpc\ users"), (r"AD\hpc", r"AD\\hpc"), ("hpc@ad.example.org", "hpc@ad.example.org"), ("a,b", r"a\,b")],
)
def test_a_directorys_group_is_one_word_to_sudo(configured: Configured, group: str, written: str):
    """Else the rules can't be read, or name another group."""
    assert f"ALL=(%{written}) NOPASSWD:" in files.sudoers(configured(group=group))


def test_a_mistake_in_the_file_is_named(tmp_path: Path):
    path = tmp_path / "helper.toml"
    for text, key in (
        ("colour = 1", "colour"),
        ("minimum_uid = 0", "minimum_uid"),
        ('pam_service = "../x"', "pam_service"),
        ("=", ""),
    ):
        path.write_text(text)
        with pytest.raises(BadSettings) as caught:
            load(path)
        assert caught.value.params["key"] == key
    path.write_text("")
    assert load(path).account == "armchair-helper"


def test_an_answer_is_one_line():
    assert protocol.dump({"a": "x\ny"}).count(b"\n") == 1
    assert json.loads(protocol.dump({"a": "é"})) == {"a": "é"}
