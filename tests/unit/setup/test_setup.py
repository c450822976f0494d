"""What `armchair setup` writes: once, the same again, and nothing that gives an account more than it needs."""

import asyncio
import re
import tomllib
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from armchair.domain.errors import BadSettings
from armchair.helper.config import ClusterConfig, HelperConfig, load
from armchair.launchers import command
from armchair.launchers.command import CommandFailed, Completed
from armchair.settings import load as load_settings
from armchair.setup import texts
from armchair.setup import things as things_room
from armchair.setup.plan import things
from armchair.setup.site import Site, helper_of, hub_of
from armchair.setup.things import Account, Directory, File, Ground

SITE = Site(
    program=Path("/opt/armchair/bin/armchair"),
    helper=HelperConfig(
        account="arm-help",
        group="hpc",
        apps_domain="apps-example.org",
        agents_names=("armchair.example.org",),
        admins=("@wheel", "carol"),
        clusters={"big": ClusterConfig(bin_directory=Path("/opt/slurm/bin"), extra_args=("--wckey=web",))},
    ),
)
FILES = {thing.path: thing for thing in things(SITE) if isinstance(thing, File)}
DIRECTORIES = {thing.path: thing for thing in things(SITE) if isinstance(thing, Directory)}


def make(root: Path, site: Site = SITE) -> list[str]:
    """What was wrong."""

    async def main() -> list[str]:
        ground, found = Ground(root=root), []
        for thing in things(site):
            # visudo is the integration test's
            if isinstance(thing, File) and thing.check:
                continue
            if wrong := thing.wrong(ground):
                found.append(wrong)
                await thing.mend(ground)
        return found

    return asyncio.run(main())


def test_a_second_time_changes_nothing(tmp_path: Path) -> None:
    assert make(tmp_path)
    assert make(tmp_path) == []


def test_what_an_administrator_wrote_stays_and_what_is_ours_comes_back(tmp_path: Path) -> None:
    make(tmp_path)
    settings, unit = tmp_path / "etc/armchair/helper.toml", tmp_path / "etc/systemd/system/armchair.service"
    settings.write_text("most_hours = 5\n")
    unit.write_text("[Service]\nUser=root\n")
    assert make(tmp_path) == ["/etc/systemd/system/armchair.service is not as `armchair setup` writes it."]
    assert settings.read_text() == "most_hours = 5\n"
    assert "User=armchair-web" in unit.read_text()


def test_modes_are_mended(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "var/lib/armchair-helper").chmod(0o755)
    (tmp_path / "etc/armchair/armchair.toml").chmod(0o666)
    assert len(make(tmp_path)) == 2
    assert (tmp_path / "etc/armchair/armchair.toml").stat().st_mode & 0o777 == 0o640


def test_a_link_in_the_place_of_a_file_is_replaced_and_not_followed(tmp_path: Path) -> None:
    make(tmp_path)
    unit, other = tmp_path / "etc/systemd/system/armchair.service", tmp_path / "other"
    other.write_text("precious")
    unit.unlink()
    unit.symlink_to(other)
    assert make(tmp_path) == ["/etc/systemd/system/armchair.service is a link; it has to be there itself."]
    assert other.read_text() == "precious"
    assert not unit.is_symlink()


def test_both_settings_can_be_read_and_agree(tmp_path: Path) -> None:
    make(tmp_path)
    helper = load(tmp_path / "etc/armchair/helper.toml")
    assert helper == SITE.helper
    assert helper_of(Path("/etc/armchair"), tmp_path, "other.org", "other") == helper
    settings = load_settings(tmp_path, tmp_path / "etc/armchair/armchair.toml", {}).settings
    assert settings.site.helper == str(helper.socket)
    assert settings.site.keys == str(helper.web_keys)
    assert settings.gateway.keys_directory == str(helper.gateway_keys)
    assert settings.gateway.apps_domain == helper.apps_domain
    assert settings.cluster_launchers()["big"][1]["extra_args"] == ["--wckey=web"]


def test_sudo_rules_name_commands_by_their_whole_paths_and_members_of_the_group() -> None:
    rules = [line for line in FILES[Path("/etc/sudoers.d/armchair")].text.splitlines() if "NOPASSWD" in line]
    tail = "/usr/bin/timeout -s KILL 9 /usr/bin/tail -c 65536 -- *"
    assert rules == [f"arm-help ALL=(%hpc) NOPASSWD: /opt/slurm/bin/sbatch, /opt/slurm/bin/scancel, {tail}"]


def test_only_the_helper_may_gain_privileges() -> None:
    site = replace(SITE, hub="0.0.0.0:7443")
    units = {
        thing.path.name: thing.text for thing in things(site) if isinstance(thing, File) and thing.path.suffix == ".service"
    }
    assert len(units) == 4
    assert set(units) == {f"{name}.service" for name in site.services}
    for name, text in units.items():
        assert ("NoNewPrivileges=yes" in text) == (name != "armchair-helper.service")
        assert "User=root" not in text
    assert "CapabilityBoundingSet=\n" in units["armchair.service"]


def lines(text: str) -> set[str]:
    return set(text.splitlines())


def test_the_hubs_service_is_there_where_the_settings_name_a_hub(tmp_path: Path) -> None:
    assert hub_of(SITE, tmp_path) == "", "no settings yet"
    make(tmp_path)
    assert hub_of(SITE, tmp_path) == ""
    assert not (tmp_path / "etc/systemd/system/armchair-hub.service").exists()
    with (tmp_path / "etc/armchair/armchair.toml").open("a") as settings:
        settings.write('[hub]\nlisten = "0.0.0.0:7443"\n')
    with_hub = replace(SITE, hub=hub_of(SITE, tmp_path))
    assert make(tmp_path, with_hub) == ["/etc/systemd/system/armchair-hub.service is not there."]
    unit = lines((tmp_path / "etc/systemd/system/armchair-hub.service").read_text())
    run = "/opt/armchair/bin/armchair hub run --home /var/lib/armchair --config /etc/armchair/armchair.toml"
    assert {"User=armchair-gateway", "SupplementaryGroups=armchair", f"ExecStart={run}"} <= unit
    (tmp_path / "etc/armchair/armchair.toml").write_text("[hub]\nnonsense = 1\n")
    with pytest.raises(BadSettings):
        hub_of(SITE, tmp_path)


def test_the_hub_is_as_shut_in_as_the_gateway_and_holds_no_capability() -> None:
    site = replace(SITE, hub="[::]:7443")
    found = {thing.path.name: lines(thing.text) for thing in things(site) if isinstance(thing, File)}
    hub, gateway, web = (found[f"armchair{name}.service"] for name in ("-hub", "-gateway", ""))
    assert (gateway & web) - hub == set()
    assert {"CapabilityBoundingSet=", "AmbientCapabilities=", f"ReadWritePaths={SITE.runtime_directory}"} <= hub
    low = texts.hub_unit(replace(SITE, hub="0.0.0.0:443"))
    assert "\nCapabilityBoundingSet=CAP_NET_BIND_SERVICE\n" in low, "a port below 1024"


def test_directories_that_the_helper_writes_into_lie_in_roots_own() -> None:
    for path in (SITE.helper.web_keys, SITE.helper.gateway_keys):
        assert DIRECTORIES[path].owner == "arm-help"
        assert DIRECTORIES[path.parent].owner == "root"
        assert DIRECTORIES[path.parent].mode == 0o755
        assert DIRECTORIES[path].mode & 0o022 == 0


def test_no_secret_stands_in_a_file_that_all_can_read() -> None:
    assert FILES[Path("/etc/armchair/armchair.toml")].mode & 0o007 == 0
    assert DIRECTORIES[SITE.helper.state_directory].mode == 0o700
    assert "password" not in tomllib.loads(FILES[Path("/etc/armchair/helper.toml")].text)


def test_a_file_that_its_check_refuses_is_not_put_in_place(tmp_path: Path) -> None:
    file = File(path=Path("/etc/sudoers.d/x"), text="nonsense", check=("false",))
    with pytest.raises(CommandFailed):
        asyncio.run(file.mend(Ground(root=tmp_path)))
    assert list((tmp_path / "etc/sudoers.d").iterdir()) == []


def test_the_file_of_codes_lies_where_the_helper_may_write() -> None:
    """As the guide says: the module makes two more files beside it at each login, as the helper's account."""
    guide = Path(__file__).parents[3] / "docs" / "howto" / "install-for-a-site.md"
    (place,) = set(re.findall(r"usersfile=(\S+)", guide.read_text("utf-8")))
    plain = {thing.path: thing for thing in things(Site(program=SITE.program)) if isinstance(thing, Directory)}
    assert plain[Path(place).parent].owner == HelperConfig().account


USERADD = "useradd --system --gid web --no-create-home --home-dir /x --shell /usr/sbin/nologin web"


@pytest.mark.parametrize(
    ("there", "orders"),
    [
        (
            {},
            [
                "groupadd --system web",
                USERADD,
            ],
        ),
        ({"groups": {"web": 7}}, [USERADD]),
        ({"account": (900, 60)}, ["groupadd --system web", "usermod --gid web web"]),
        ({"account": (900, 60), "groups": {"web": 7}}, ["usermod --gid web web"]),
        ({"account": (900, 7), "groups": {"web": 7}}, []),
    ],
    ids=["nothing", "a group", "an account in a group of many", "both apart", "all"],
)
def test_each_service_has_an_account_with_a_group_of_its_own(
    monkeypatch: pytest.MonkeyPatch, there: dict[str, Any], orders: list[str]
) -> None:
    """Also where the accounts were made before: key files and sockets are their first group's."""
    known_as(monkeypatch, there.get("account"), there.get("groups", {}))
    given: list[str] = []

    async def run(argv: list[str]) -> Completed:
        given.append(" ".join(argv))
        return Completed(program=argv[0], exit_code=0, stdout="", stderr="")

    monkeypatch.setattr(command, "run", run)
    account = Account(name="web", home=Path("/x"))
    assert bool(account.wrong(Ground())) == bool(orders)
    if orders:
        asyncio.run(account.mend(Ground()))
    assert given == orders


def test_root_is_no_services_account(monkeypatch: pytest.MonkeyPatch) -> None:
    known_as(monkeypatch, (0, 0), {"web": 0})
    account = Account(name="web", home=Path("/x"))
    assert "root" in account.wrong(Ground())
    with pytest.raises(BadSettings):
        asyncio.run(account.mend(Ground()))


def known_as(monkeypatch: pytest.MonkeyPatch, account: tuple[int, int] | None, groups: dict[str, int]) -> None:
    """A machine with this account `web` (its uid and first group) and these groups."""
    accounts = {} if account is None else {"web": SimpleNamespace(pw_uid=account[0], pw_gid=account[1])}
    monkeypatch.setattr(things_room, "pwd", SimpleNamespace(getpwnam=lambda name: accounts[name]))
    named = {name: SimpleNamespace(gr_gid=number) for name, number in groups.items()}
    monkeypatch.setattr(things_room, "grp", SimpleNamespace(getgrnam=lambda name: named[name]))
