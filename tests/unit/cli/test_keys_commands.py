"""`armchair keys`: what it says, and what has changed afterwards."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from armchair.cli.main import app
from armchair.domain.errors import Conflict, NotFound
from armchair.gateway.keys import Keys

RUN = CliRunner()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    Keys.load_or_create(tmp_path)
    return tmp_path


def rows(home: Path) -> list[tuple[str, str]]:
    shown = RUN.invoke(app, ["keys", "show", "--home", str(home), "--json"], catch_exceptions=False)
    return [(row["state"], row["id"]) for row in json.loads(shown.output)]


def test_a_rotation_waits_for_the_gateway(home: Path) -> None:
    [(state, first)] = rows(home)
    assert state == "signs"
    assert RUN.invoke(app, ["keys", "rotate", "--home", str(home)], catch_exceptions=False).exit_code == 0
    assert [state for state, _ in rows(home)] == ["signs", "signs soon"]
    assert rows(home)[0][1] == first


def test_a_known_key_goes_at_once(home: Path) -> None:
    [(_, first)] = rows(home)
    RUN.invoke(app, ["keys", "rotate", "--compromised", "--home", str(home)], catch_exceptions=False)
    [(state, second)] = rows(home)
    assert state == "signs"
    assert second != first


def test_authorities_change_in_two_steps_and_the_second_is_asked_about(home: Path) -> None:
    command = ["keys", "rotate", "--authorities", "--home", str(home)]
    before = Keys.load_or_create(home).sessions_ca.pem
    assert "Start the portal again" in RUN.invoke(app, command, catch_exceptions=False).output
    assert Keys.load_or_create(home).sessions_ca.pem == before
    assert RUN.invoke(app, command, input="n\n").exit_code == 1
    assert Keys.load_or_create(home).sessions_ca.pem == before
    assert RUN.invoke(app, [*command, "--yes"], catch_exceptions=False).exit_code == 0
    assert Keys.load_or_create(home).sessions_ca.pem != before


def test_without_keys_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as caught:
        RUN.invoke(app, ["keys", "show", "--home", str(tmp_path)], catch_exceptions=False)
    assert caught.value.code == "no_keys"


def test_no_second_rotation_while_tickets_of_the_key_before_live(home: Path) -> None:
    keys = Keys.load_or_create(home)
    keys.tickets.prepare(datetime.now(UTC))
    keys.advance(datetime.now(UTC) + timedelta(days=7))
    with pytest.raises(Conflict):
        RUN.invoke(app, ["keys", "rotate", "--home", str(home)], catch_exceptions=False)
