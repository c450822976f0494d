"""`armchair setup` as an administrator types it, and what `--check` finds on a machine."""

import asyncio
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from armchair.cli.main import app
from armchair.helper.config import ClusterConfig
from armchair.setup import check
from armchair.setup.site import Site as Names

from .helper_stage import SERVICE, USERS, Site, sh  # noqa: TID252 - one folder's own


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that all can enter and only root can change, as /opt is."""
    made = Path(f"/opt/armchair-setup-test-{os.getpid()}")
    made.mkdir()
    yield made
    shutil.rmtree(made)


def setup(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["setup", *words])
    return done.exit_code, done.output


def found(site: Names) -> str:
    return "\n".join(f"{one.what} {one.cure}" for one in asyncio.run(check.findings(site)))


def test_files_are_rendered_once_with_rules_that_sudo_likes(tmp_path: Path) -> None:
    code, words = setup("--root", str(tmp_path), "--dry-run")
    assert (code, list(tmp_path.iterdir())) == (0, [])
    assert "Made so" not in words

    code, words = setup("--root", str(tmp_path), "--apps-domain", "apps.test", "--nodes", "10.1.0.0/16")
    assert code == 0
    assert "/etc/sudoers.d/armchair is not there. Made so." in words
    assert sh("visudo", "-c", "-f", str(tmp_path / "etc/sudoers.d/armchair")).returncode == 0
    assert 'networks = ["10.1.0.0/16"]' in (tmp_path / "etc/armchair/armchair.toml").read_text()

    assert setup("--root", str(tmp_path)) == (0, "Everything was there already.\n")


def test_rules_that_sudo_does_not_like_are_not_put_in_place(tmp_path: Path) -> None:
    (tmp_path / "etc/armchair").mkdir(parents=True)
    (tmp_path / "etc/armchair/helper.toml").write_text('[clusters.hpc]\nbin_directory = "/opt/a,b"\n')
    code, _ = setup("--root", str(tmp_path))
    assert code != 0
    assert list((tmp_path / "etc/sudoers.d").iterdir()) == []


def test_check_names_whom_sudo_would_let_the_helper_be(site: Site) -> None:
    words = found(Names(program=Path("/usr/bin/true"), helper=site.config))
    assert f"{SERVICE} (uid " in words
    assert f"gpasswd --delete {SERVICE} {USERS}" in words
    # it runs, and answers
    assert "The helper does not answer" not in words
    silent = site.config.model_copy(update={"socket": Path("/nowhere/helper.sock")})
    assert "The helper does not answer" in found(Names(program=Path("/usr/bin/true"), helper=silent))


def test_check_distrusts_a_program_that_others_can_change(place: Path, site: Site) -> None:
    program = place / "bin/armchair"
    program.parent.mkdir()
    program.touch(mode=0o755)
    names = Names(program=program, helper=site.config)
    assert str(program) not in found(names)
    program.parent.chmod(0o775)
    assert f"{program.parent} can be changed by others than root" in found(names)
    program.parent.chmod(0o700)
    assert f"{program.parent} is closed to the accounts" in found(names)
    assert "is not there" in found(replace(names, program=place / "other"))


def test_check_distrusts_what_the_program_loads(place: Path, site: Site) -> None:
    program, packages = place / "bin/armchair", place / "lib/python3.11/site-packages"
    (packages / "armchair").mkdir(parents=True)
    program.parent.mkdir()
    program.write_text(f"#!{place}/bin/python\n")
    code, python, linked = packages / "armchair/x.py", place / "bin/python", packages / "edited.pth"
    for path in (program, code, python):
        path.touch()
        path.chmod(0o755)
    elsewhere = place / "source"
    elsewhere.mkdir()
    linked.write_text(f"import os\n{elsewhere}\n")
    names = Names(program=program, helper=site.config)
    assert "can be changed" not in found(names)
    for path in (code, packages / "armchair", python, elsewhere):
        path.chmod(0o777)
        assert f"{path} can be changed by others than root, and the services run {program}" in found(names)
        path.chmod(0o755)
    assert "can be changed" not in found(names)


def test_check_names_whose_first_group_it_is(site: Site) -> None:
    sh("useradd", "--system", "--no-create-home", "--gid", USERS, "armtfirst")
    try:
        words = found(Names(program=Path("/usr/bin/true"), helper=site.config))
    finally:
        sh("userdel", "armtfirst")
    assert "armtfirst (uid " in words
    assert "usermod --gid GROUP armtfirst" in words


def test_check_compares_both_settings(tmp_path: Path, site: Site) -> None:
    names = Names(program=Path("/usr/bin/true"), helper=site.config, settings_directory=tmp_path, home=tmp_path)
    (tmp_path / "armchair.toml").write_text(
        f'[site]\nhelper = "{site.config.socket}"\nkeys = "{site.config.web_keys}"\n'
        f'[gateway]\nmanaged = false\napps_domain = "apps.test"\nkeys_directory = "{site.config.gateway_keys}"\n'
        'agents_listen = "192.0.2.9:8443"\n'
        '[clusters.slurm]\nlauncher = "slurm"\n'
    )
    assert "disagree" not in found(names)
    assert "would not name 192.0.2.9" in found(names)
    named = site.config.model_copy(update={"agents_names": ("192.0.2.9",)})
    assert "would not name" not in found(replace(names, helper=named))
    other = site.config.model_copy(update={"clusters": {"slurm": ClusterConfig(extra_args=("--wckey=web",))}})
    assert "disagree about the clusters with Slurm" in found(replace(names, helper=other))
    (tmp_path / "armchair.toml").write_text("[gateway]\nnonsense = 1\n")
    assert "nonsense" in found(names)
