"""Who may do what with a session."""

from dataclasses import dataclass
from datetime import timedelta

import pytest

from armchair.domain.access import Verb, demand, may, role_of
from armchair.domain.errors import NotFound, Refused
from armchair.domain.session import Grant, Role
from armchair.testing.clock import START
from armchair.testing.samples import some_session

SESSION = some_session("s1", owner="ann").session


@dataclass(frozen=True)
class Somebody:
    login: str


ANN, BEN, NOBODY = Somebody("ann"), Somebody("ben"), Somebody("")
MAY = {
    None: set(),
    Role.VIEW: {Verb.VIEW},
    Role.USE: {Verb.VIEW, Verb.JOIN, Verb.KEEP},
    Role.MANAGE: set(Verb),
}


def grant(role, until=None, session="s1", subject="ben"):
    return Grant(session=session, subject=subject, role=role, until=until)


@pytest.mark.parametrize("role", MAY)
@pytest.mark.parametrize("verb", Verb)
def test_each_role_allows_what_it_says(role, verb):
    grants = [grant(role)] if role else []
    assert may(BEN, verb, SESSION, grants, START) == (verb in MAY[role])


@pytest.mark.parametrize("verb", Verb)
def test_the_owner_may_everything(verb):
    assert may(ANN, verb, SESSION, (), START)
    assert not may(NOBODY, verb, some_session(owner="").session, (), START)


def test_grants_of_others_for_others_or_over_do_not_count():
    over = grant(Role.MANAGE, until=START)
    assert not may(BEN, Verb.VIEW, SESSION, [over], START)
    assert may(BEN, Verb.STOP, SESSION, [over], START - timedelta(microseconds=1))
    assert not may(BEN, Verb.VIEW, SESSION, [grant(Role.MANAGE, session="s2"), grant(Role.MANAGE, subject="ann")], START)


def test_the_highest_of_several_counts():
    assert role_of(BEN, SESSION, [grant(Role.USE), grant(Role.VIEW)], START) is Role.USE


def test_no_access_looks_like_not_found():
    with pytest.raises(NotFound) as missing:
        demand(BEN, Verb.VIEW, SESSION, (), START)
    assert missing.value.code == "no_such_session"
    with pytest.raises(Refused):
        demand(BEN, Verb.STOP, SESSION, [grant(Role.VIEW)], START)
    demand(ANN, Verb.MANAGE, SESSION, (), START)
