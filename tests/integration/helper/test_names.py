"""What the helper makes of the name service: who has left, whose account was closed, and a service that is away."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from armchair.domain.errors import ArmchairError, Refused

from .helper_stage import ANNA, BERT, OUTSIDER, PASSWORD, USERS, Site, sh  # noqa: TID252 - one folder's own

ASK = """
import json, sys
from pathlib import Path
from armchair.domain.errors import ArmchairError
from armchair.helper.config import load
from armchair.helper.people import account, may_be_a_person
config, said = load(Path(sys.argv[1])), {}
for login in sys.argv[2:]:
    try:
        said[login] = list(account(config, login).roles)
    except ArmchairError as error:
        said[login] = error.code
print(json.dumps({**said, "may be": may_be_a_person(config, "nobody-here")}))
"""


@pytest.fixture(autouse=True)
def as_before(site: Site) -> Iterator[None]:
    yield
    for name in (ANNA, BERT):
        sh("usermod", "--append", "--groups", USERS, "--expiredate", "", "--shell", "/bin/bash", name)


def standing(site: Site, assertion: str) -> list[str] | str:
    """The roles that the helper tells, or why it tells none."""
    try:
        return list(site.ask("person", assertion=assertion)["roles"])
    except ArmchairError as error:
        return error.code


def word(site: Site, login: str, address: str) -> str:
    return str(site.login(login, PASSWORD, address=address)["assertion"])


def test_a_closed_account_is_nobodys_any_more_for_the_word_it_has(site: Site) -> None:
    assertion = word(site, ANNA, "n1")
    mandate = site.ask("mandate", assertion=assertion, session="n" * 26, mark="armchair-abc123-" + "0" * 32, cluster="slurm")[
        "mandate"
    ]
    assert standing(site, assertion) == ["user"]
    for day in ("1", "0"):
        sh("chage", "--expiredate", day, ANNA)
        assert standing(site, assertion) == "not_a_user"
        with pytest.raises(Refused, match="not_a_user"):
            site.ask("tail", mandate=mandate, path="/tmp/slurm-1.out")
    sh("chage", "--expiredate", "2099-01-01", ANNA)
    assert standing(site, assertion) == ["user"], "its day has not come"
    sh("usermod", "--shell", "/usr/sbin/nologin", ANNA)
    assert standing(site, assertion) == "not_a_user"


def test_who_leaves_a_group_has_lost_its_role(site: Site) -> None:
    sh("groupmod", "--append", "--users", ANNA, BERT)  # the group of BERT's name is the operators'
    assertion = word(site, ANNA, "n2")
    assert standing(site, assertion) == ["user", "operator"]
    sh("gpasswd", "--delete", ANNA, BERT)
    assert standing(site, assertion) == ["user"]


def with_names(place: Path, file: Path, passwd: str, group: str, *logins: str) -> dict[str, object]:
    """What the helper's code says where accounts and groups are looked up like this."""
    lines = [
        line
        for line in Path("/etc/nsswitch.conf").read_text().splitlines()
        if line.partition(":")[0] not in {"passwd", "group"}
    ]
    (place / "nsswitch.conf").write_text("\n".join([*lines, f"passwd: {passwd}", f"group: {group}", ""]))
    script = f'mount --bind {place}/nsswitch.conf /etc/nsswitch.conf; exec "$@"'
    asked = (sys.executable, "-c", ASK, str(file), *logins)
    found: dict[str, object] = json.loads(sh("unshare", "--mount", "sh", "-ec", script, "sh", *asked).stdout)
    return found


def test_silence_of_the_name_service_is_no_answer(site: Site, tmp_path: Path) -> None:
    """`hesiod` is there on each machine with glibc, and nowhere set up: it gives no answer."""
    file, known, both = site.root / "helper.toml", "files", "files hesiod"
    away = with_names(tmp_path, file, both, both, ANNA, "nobody-here", OUTSIDER, BERT)
    assert away["nobody-here"] == "names_silent"
    assert away["may be"] is True, "the login goes on to PAM, and takes as long as any"
    assert (away[ANNA], away[OUTSIDER]) == (["user"], "not_a_user"), "what is known without it is known"
    assert away[BERT] == ["user", "operator", "admin"]
    assert with_names(tmp_path, file, known, known, ANNA, "nobody-here") == {
        ANNA: ["user"],
        "nobody-here": "not_a_user",
        "may be": True,
    }


def test_a_service_that_is_away_without_a_word_is_seen_by_the_portals_own_group(site: Site, tmp_path: Path) -> None:
    """As where accounts are on file and groups in a directory."""
    file = site.root / "helper.toml"
    for service in ("hesiod", "no-such-service"):
        said = with_names(tmp_path, file, "files", service, ANNA, OUTSIDER)
        assert (said[ANNA], said[OUTSIDER]) == ("names_silent", "names_silent"), service
    said = with_names(tmp_path, file, "no-such-service", "no-such-service", ANNA)
    assert said[ANNA] == "names_silent"


def test_a_group_of_operators_that_nobody_knows_makes_nobody_an_operator_unless_it_can_not_be_known(
    site: Site, tmp_path: Path
) -> None:
    file = tmp_path / "helper.toml"
    file.write_text((site.root / "helper.toml").read_text().replace(f"'@{BERT}'", "'@no-such-group'"))
    assert "no-such-group" in file.read_text()
    assert with_names(tmp_path, file, "files", "files", ANNA)[ANNA] == ["user"]
    assert with_names(tmp_path, file, "files", "files hesiod", ANNA)[ANNA] == "names_silent"
