"""Settings of time, idleness and letters: as one writes them in the file and in the environment."""

from datetime import timedelta
from pathlib import Path

import pytest

from armchair.domain.errors import BadSettings
from armchair.domain.telling import Occasion
from armchair.settings import load

FILE = """
[sessions]
warn_before_end = "5m"
[sessions.extend]
step = "1h"
most = "24h"
times = 3
[sessions.idle]
after = "4h"
cpu = 0.2
[notices.mail]
server = "mail.example.org"
always = ["idle_near", "end"]
[notices.webhook]
allow = ["chat.example.org"]
"""


def test_what_is_written_is_what_the_rules_get(tmp_path: Path) -> None:
    (tmp_path / "armchair.toml").write_text(FILE)
    settings = load(tmp_path, environ={"ARMCHAIR__SESSIONS__EXTEND__BEFORE": "2h"}).settings
    policy = settings.sessions.policy()
    assert policy.warning == timedelta(minutes=5)
    rules = policy.extend
    assert (rules.step, rules.most, rules.before, rules.times) == (
        timedelta(hours=1), timedelta(hours=24), timedelta(hours=2), 3,
    )  # fmt: skip
    assert (policy.idle.after, policy.idle.cpu, policy.idle.warn) == (timedelta(hours=4), 0.2, timedelta(minutes=30))
    assert settings.notices.mail.always == (Occasion.IDLE_NEAR, Occasion.END)
    assert settings.notices.webhook.allow == ("chat.example.org",)


def test_without_a_word_of_the_site_nothing_ends_for_idleness_and_nobody_gets_mail(tmp_path: Path) -> None:
    settings = load(tmp_path, environ={}).settings
    assert settings.sessions.policy().idle.after is None
    assert settings.notices.mail.server == ""


def test_an_empty_text_takes_a_limit_away(tmp_path: Path) -> None:
    (tmp_path / "armchair.toml").write_text(FILE)
    environ = {"ARMCHAIR__SESSIONS__IDLE__AFTER": "", "ARMCHAIR__SESSIONS__EXTEND__MOST": ""}
    policy = load(tmp_path, environ=environ).settings.sessions.policy()
    assert (policy.idle.after, policy.extend.most) == (None, None)


@pytest.mark.parametrize(
    "line", ["[sessions.idle]\nafter = '5s'", "[sessions.idle]\nafter = 'soon'", "[notices.mail]\nalways = ['birthdays']"]
)
def test_nonsense_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "armchair.toml").write_text(line)
    with pytest.raises(BadSettings):
        load(tmp_path, environ={})
