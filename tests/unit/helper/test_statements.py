"""Assertions and mandates: only the helper's own word counts, each kind for itself, and only while the person belongs."""

import base64
import grp
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import jwt
import pytest

from armchair.domain.errors import Refused, Unavailable
from armchair.helper.acts import Acts
from armchair.helper.config import HelperConfig
from armchair.helper.people import Account
from armchair.helper.statements import Statements

Configured = Callable[..., HelperConfig]
KEY = b"k" * 32
MARK = "armchair-abc123-0123456789abcdef0123456789abcdef"


def refused(what: Callable[[str], object], text: str) -> str:
    with pytest.raises(Refused) as caught:
        what(text)
    return caught.value.code


def test_what_was_said_is_recognised(configured: Configured, me: Account):
    statements = Statements(configured(), KEY)
    assertion, until = statements.assertion(me)
    assert statements.asserted(assertion).uid == me.uid
    assert timedelta(days=6) < until - datetime.now(UTC) <= timedelta(days=7)
    mandate = statements.mandated(statements.mandate(me, "session1", MARK, "slurm"))
    assert (mandate.account.uid, mandate.session, mandate.mark, mandate.cluster) == (me.uid, "session1", MARK, "slurm")


async def test_jobs_are_handed_in_only_as_long_as_a_login_lasts(configured: Configured, me: Account):
    """The portal keeps mandates for months, to look after jobs: whoever steals them shall not be all those people."""
    config = configured()
    statements, now = Statements(config, KEY), datetime.now(UTC)
    fresh = statements.mandate(me, "session1", MARK, "slurm")
    claims = jwt.decode(fresh, KEY, algorithms=["HS256"], audience="mandate")
    old = jwt.encode({**claims, "iat": now - config.login_lifetime - timedelta(seconds=1)}, KEY, algorithm="HS256")
    assert [statements.mandated(text).is_fresh for text in (fresh, old)] == [True, False]
    with pytest.raises(Refused, match="mandate_unknown"):
        await Acts(config).act(statements.mandated(old), ["sbatch"], None, timedelta(seconds=1))
    for text, words in ((fresh, ["sbatch"]), (old, ["scancel"])):  # badly said, which is looked at later than the mandate
        with pytest.raises(Refused, match="command_not_allowed"):
            await Acts(config).act(statements.mandated(text), words, None, timedelta(seconds=1))


def test_one_kind_is_never_taken_for_the_other(configured: Configured, me: Account):
    statements = Statements(configured(), KEY)
    assertion, _ = statements.assertion(me)
    assert refused(statements.mandated, assertion) == "mandate_unknown"
    assert refused(statements.asserted, statements.mandate(me, "session1", MARK, "slurm")) == "assertion_unknown"


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "é", "." * 3000, "{}", "\ud800"])
def test_anything_else_is_unknown(configured: Configured, text: str):
    statements = Statements(configured(), KEY)
    assert refused(statements.asserted, text) == "assertion_unknown"
    assert refused(statements.mandated, text) == "mandate_unknown"


def test_forged_ones_are_unknown(configured: Configured, me: Account):
    statements = Statements(configured(), KEY)
    assertion, _ = statements.assertion(me)
    other, _ = Statements(configured(), b"o" * 32).assertion(me)
    assert refused(statements.asserted, other) == "assertion_unknown"
    head, body, signature = assertion.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    changed = base64.urlsafe_b64encode(json.dumps({**claims, "sub": "root", "uid": 0}).encode()).rstrip(b"=").decode()
    assert refused(statements.asserted, f"{head}.{changed}.{signature}") == "assertion_unknown"
    unsigned = jwt.encode(claims, None, algorithm="none")
    assert refused(statements.asserted, unsigned) == "assertion_unknown"


def test_late_ones_are_unknown_and_so_are_those_without_an_end(configured: Configured, me: Account):
    statements = Statements(configured(), KEY)
    claims = {"sub": me.login, "uid": me.uid, "iss": "armchair-helper", "aud": "assertion"}
    late = jwt.encode({**claims, "exp": datetime.now(UTC) - timedelta(seconds=1)}, KEY, algorithm="HS256")
    assert refused(statements.asserted, late) == "assertion_unknown"
    assert refused(statements.asserted, jwt.encode(claims, KEY, algorithm="HS256")) == "assertion_unknown"
    good = jwt.encode({**claims, "exp": datetime.now(UTC) + timedelta(hours=1)}, KEY, algorithm="HS256")
    assert statements.asserted(good).login == me.login, "the ones above fail for their time only"


def test_who_has_left_the_group_is_nobodys_person(configured: Configured, me: Account):
    mine = os.getgrouplist(me.login, os.getgid())
    anothers = next(group.gr_name for group in grp.getgrall() if group.gr_gid not in mine)
    before, after = Statements(configured(), KEY), Statements(configured(group=anothers), KEY)
    assertion, _ = before.assertion(me)
    mandate = before.mandate(me, "session1", MARK, "slurm")
    assert refused(after.asserted, assertion) == "not_a_user"
    assert refused(after.mandated, mandate) == "not_a_user"


def test_a_group_that_nobody_knows_makes_nobody_a_stranger(configured: Configured, me: Account):
    """As when the directory is away in which it stands."""
    assertion, _ = Statements(configured(), KEY).assertion(me)
    with pytest.raises(Unavailable, match="names_silent"):
        Statements(configured(group="nobody-knows-this"), KEY).asserted(assertion)


def test_a_login_that_went_to_another_uid_is_not_the_same_person(configured: Configured, me: Account):
    statements = Statements(configured(), KEY)
    was = Account(login=me.login, uid=me.uid + 1, name="", home="/", roles=())
    assertion, _ = statements.assertion(was)
    assert refused(statements.asserted, assertion) == "not_a_user"
