"""`armchair setup` as root on a machine of its own: directories of the tests stand in the place of the real ones."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.shell import Done, run

PLACES = ("etc", "run", "var/lib", "var/log")


class Machine:
    """Commands that see a copy of /etc, and empty directories where services keep things. Nothing outside changes."""

    def __init__(self, place: Path) -> None:
        self.place = place
        for name in PLACES:
            (place / name).mkdir(parents=True)
        run(["cp", "-a", "/etc/.", str(place / "etc")])
        for left in ("armchair", "sudoers.d/armchair", "pam.d/armchair", "tmpfiles.d/armchair.conf"):
            shutil.rmtree(place / "etc" / left, ignore_errors=True)
            (place / "etc" / left).is_file() and (place / "etc" / left).unlink()

    def run(self, script: str) -> Done:
        """Run a shell script there; whatever comes of it."""
        mounts = "\n".join(f"mount --bind {self.place / name} /{name}" for name in PLACES)
        whole = f"set -eu\n{mounts}\n{script}\n"
        env = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "PYTHONDONTWRITEBYTECODE": "1"}
        return run(["unshare", "--mount", "--propagation", "private", "sh"], stdin=whole, env=env, check=False, timeout=90)

    def setup(self, *options: str, before: str = ":") -> Done:
        """`armchair setup` with these options."""
        return self.run(f"{before}\n{sys.executable} -m armchair.cli.main setup --program /bin/true {' '.join(options)}")


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path / "machine")
    yield made
    shutil.rmtree(made.place)


def test_it_makes_what_is_missing_once_and_says_so(machine: Machine) -> None:
    dry = machine.setup("--dry-run")
    assert dry.returncode == 0, dry
    assert "There is no account armchair-web." in dry.stdout
    assert not (machine.place / "etc/armchair").exists(), "it only said so"
    first = machine.setup()
    assert first.returncode == 0, first
    assert first.stdout.splitlines() == [f"{line} Made so." for line in dry.stdout.splitlines()]
    again = machine.setup()
    assert (again.returncode, again.stdout) == (0, "Everything was there already.\n"), again
    seen = machine.run(
        "visudo -c -q\n"
        "stat -c '%n %a %U:%G' /etc/sudoers.d/armchair /var/lib/armchair-helper /var/lib/armchair-keys/web"
        " /var/lib/armchair /run/armchair /etc/armchair/armchair.toml\n"
        "id -nG armchair-web\ngetent passwd armchair-helper | cut -d: -f7\n"
        "setpriv --reuid armchair-web --regid armchair-web --clear-groups ls /var/lib/armchair-helper || echo closed\n"
    )
    assert seen.stdout.splitlines() == [
        "/etc/sudoers.d/armchair 440 root:root",
        "/var/lib/armchair-helper 700 armchair-helper:armchair-helper",
        "/var/lib/armchair-keys/web 2750 armchair-helper:armchair-web",
        "/var/lib/armchair 710 armchair-web:armchair",
        "/run/armchair 3770 root:armchair",
        "/etc/armchair/armchair.toml 640 root:armchair",
        "armchair-web",
        "/usr/sbin/nologin",
        "closed",
    ], seen


def test_what_was_changed_by_hand_is_put_right_and_settings_are_kept(machine: Machine) -> None:
    assert machine.setup().returncode == 0
    spoilt = (
        "echo 'armchair-helper ALL=(ALL) NOPASSWD: ALL' >> /etc/sudoers.d/armchair\n"
        "chmod 755 /var/lib/armchair-helper\n"
        "sed -i 's/^most_hours = 24/most_hours = 48/' /etc/armchair/helper.toml\n"
        "echo '# ours' >> /etc/pam.d/armchair"
    )
    done = machine.setup(before=spoilt)
    assert done.returncode == 0, done
    assert len(done.stdout.splitlines()) == 2, done
    assert "ALL) NOPASSWD: ALL" not in (machine.place / "etc/sudoers.d/armchair").read_text()
    assert (machine.place / "var/lib/armchair-helper").stat().st_mode & 0o777 == 0o700
    assert "most_hours = 48" in (machine.place / "etc/armchair/helper.toml").read_text()
    assert "# ours" in (machine.place / "etc/pam.d/armchair").read_text()


def test_sudo_rules_that_sudo_does_not_like_are_never_put_in_place(machine: Machine) -> None:
    assert machine.setup().returncode == 0
    before = (machine.place / "etc/sudoers.d/armchair").read_text()
    bad = machine.setup(before="sed -i 's|^bin_directory = .*|bin_directory = \"/opt/a,b\"|' /etc/armchair/helper.toml")
    assert bad.returncode != 0, bad
    assert (machine.place / "etc/sudoers.d/armchair").read_text() == before
    assert [path.name for path in (machine.place / "etc/sudoers.d").iterdir() if "~" in path.name] == []


def test_each_finding_has_a_cure_and_the_exit_code_says_that_there_are_some(machine: Machine) -> None:
    bare = machine.setup("--check")
    assert bare.returncode == 1, bare
    assert "There is no account armchair-helper." in bare.stdout
    assert machine.setup().returncode == 0
    whole = machine.setup("--check", before="usermod -aG armchair-users daemon")
    assert whole.returncode == 1, whole
    lines = whole.stdout.splitlines()
    assert len(lines) % 2 == 0, whole.stdout
    assert all(cure.startswith("    ") and len(cure) > 8 for cure in lines[1::2]), whole.stdout
    assert not any(what.startswith(" ") for what in lines[::2])
    assert "daemon (uid 1) is in the group armchair-users" in whole.stdout
    assert "The helper does not answer" in whole.stdout
    assert "There is no" not in whole.stdout, "what set-up makes is all there"


def test_the_hubs_service_is_there_as_long_as_the_settings_name_a_hub(machine: Machine) -> None:
    assert machine.setup().returncode == 0
    settings, unit = machine.place / "etc/armchair/armchair.toml", "/etc/systemd/system/armchair-hub.service"
    without = settings.read_text()
    settings.write_text(f'{without}[hub]\nlisten = "0.0.0.0:7443"\n')
    assert f"{unit} is not there." in machine.setup("--check").stdout
    done = machine.setup()
    assert (done.returncode, done.stdout) == (0, f"{unit} is not there. Made so.\n"), done
    assert "armchair-gateway armchair-hub; armchair setup --check" in done.stderr
    whole = machine.setup("--check")
    assert f"{unit} " not in whole.stdout
    assert "The hub does not answer." in whole.stdout
    settings.write_text(without)
    assert f"    systemctl disable --now armchair-hub; rm {unit}" in machine.setup("--check").stdout.splitlines()
