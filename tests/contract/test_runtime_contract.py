"""The contract of container runtimes, on those that run here: each with each kind of image that it takes."""

import os
import pwd
import shutil
from pathlib import Path

import pytest

from armchair.testing import contract_runtime
from armchair.testing.contract_runtime import CONTRACT, Person, RuntimeUnderTest
from armchair.testing.processes import eventually
from cluster import users
from cluster.names import ALICE
from images import build, runtimes

MAKERS = {"directory": build.directory, "squashfs": build.squashfs, "sif": build.sif, "oci": build.oci_archive}
RUNTIMES = ("bubblewrap", "charliecloud", *runtimes.INSTALLED)
CASES = [
    *((runtime, kind) for runtime in RUNTIMES for kind in ("directory", "squashfs", "sif")),
    ("podman", "oci"),
]
# Podman (4.3) passes signals on by itself, and on a busy machine not always once: docs/howto/containers.md says so
NOT_PODMAN = (
    contract_runtime.signals_of_its_group_reach_the_program_once_which_may_tidy_up,
    contract_runtime.signals_to_all_its_processes_reach_the_program_once_too,
)
# storage that goes with the test; and for Podman 4.3, whose crun stumbles over both versions of control groups at once, runc
STORAGE = '[storage]\ndriver = "overlay"\ngraphroot = "{base}/storage"\nrunroot = "{base}/running"\n'
ENGINE = '[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\n'


def alice(base: Path) -> Person:
    """An ordinary user, who has subordinate ids as Podman wants them, with a home of the test's."""
    users.ensure()
    known = pwd.getpwnam(ALICE.name)
    person = Person(uid=known.pw_uid, gid=known.pw_gid, name=known.pw_name, home=base / "home")
    for path in (base, person.home):
        path.mkdir(mode=0o755)
        os.chown(path, person.uid, person.gid)
    return person


def podman(base: Path) -> dict[str, str]:
    (base / "engine.conf").write_text(ENGINE)
    (base / "storage.conf").write_text(STORAGE.format(base=base))
    return {"CONTAINERS_CONF": f"{base}/engine.conf", "CONTAINERS_STORAGE_CONF": f"{base}/storage.conf"}


def remove(path: Path) -> None:
    """Podman tidies up its storage itself at the same time, and neither is to stumble over the other."""

    def gone() -> bool:
        shutil.rmtree(path, ignore_errors=True)
        return not path.exists()

    eventually(gone, f"the end of {path}", 30)


@pytest.fixture(scope="module", params=CASES, ids="-".join)
def place(request):
    """Runtime, kind and a directory for all tests of the two, in which Podman keeps what it has unpacked."""
    runtime, kind = request.param
    base = Path("/var/tmp") / f"armchair-boxes-{os.getpid()}-{runtime}-{kind}"
    person = alice(base)
    yield runtime, MAKERS[kind](), person, base, podman(base) if runtime == "podman" else {}
    remove(base)


@pytest.fixture
def case(place, tmp_path_factory):
    runtime, image, person, base, environment = place
    things = base / "things"
    things.mkdir()
    under_test = RuntimeUnderTest(runtime=runtime, image=image, person=person, base=things, environment=environment)
    yield under_test
    under_test.clear()
    for path in (things, *under_test.privates):
        remove(path)


@pytest.mark.timeout(600)  # the first one builds the image
@pytest.mark.parametrize("rule", CONTRACT, ids=lambda rule: rule.__name__)
def test_contract(rule, case) -> None:
    if case.runtime == "podman" and rule in NOT_PODMAN:
        return
    rule(case)
