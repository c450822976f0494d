"""Another user on the same node: no way to the session, and none of its secrets anywhere that they can read."""

import pwd
import shutil
from pathlib import Path

import pytest

from armchair.gateway.certificates import Authority
from armchair.gateway.keys import Keys
from armchair.testing.processes import eventually
from cluster.names import ALICE, BOB
from cluster.program import Program
from cluster.rig import Cluster

from .slurm_portal import SlurmPortal, portal_of  # noqa: TID252 - one folder's own

pytestmark = pytest.mark.timeout(180)
SECRET = "planted-5b1f0c7e-in-an-answer"


def listening(slurm: Cluster, node: str) -> list[str]:
    """The agent's ports on the node."""
    lines = slurm.exec_on(node, ["ss", "-Hltnp"]).stdout.splitlines()
    return [f"127.0.0.1:{line.split()[3].rpartition(':')[2]}" for line in lines if "python" in line]


def secrets_of(portal: SlurmPortal, session: str) -> dict[str, str]:
    """All that nobody else may know."""
    derived = portal.derived
    return {
        "enrolment token": derived.enrolment_token(session, 1).reveal(),
        "credential": derived.credential(session, 1, 0).reveal(),
        "answer": SECRET,
        "ticket": portal.client.entry(session).value,
        "portal key": derived._key.hex() if hasattr(derived, "_key") else "-",
        "key": "PRIVATE KEY-----\n",
    }


def test_another_user_of_the_node_learns_and_reaches_nothing(slurm: Cluster, portal: SlurmPortal) -> None:
    session = portal.launch(answers={"word": SECRET})
    eventually(lambda: portal.get(session.id) == (200, SECRET), "its owner reaches it", 15)
    job = portal.job(session.id)
    node = slurm.job(job)["NodeList"]
    spool = slurm.layout.run / "spool" / node
    secrets = secrets_of(portal, session.id)
    # what is looked for is the right thing: root finds it where Slurm keeps the script
    script = next(path for path in spool.rglob("*script*") if path.is_file() and f"{int(job):05d}" in str(path))
    assert secrets["enrolment token"] in script.read_text()

    folder = portal.program.place / "nosy"
    folder.mkdir(exist_ok=True)
    shutil.copy(Path(__file__).with_name("nosy.py"), folder)
    other = Authority(Keys.load_or_create(portal.home), "apps.test").made("other", "other-1")
    (folder / "other.pem").write_text(other.certificate + other.key.reveal())
    for path in folder.iterdir():
        path.chmod(0o644)
    owner = pwd.getpwnam(ALICE.name)
    argv = [
        "/usr/bin/python3",
        folder / "nosy.py",
        str(owner.pw_uid),
        spool,
        Path(owner.pw_dir, ".local"),
        ",".join(listening(slurm, node)),
    ]
    seen = slurm.exec_on(node, argv, user=BOB.name, timeout=120).stdout

    assert seen.count("@@ proc cmdline") > 3
    assert "@@ refused 127.0.0.1:" in seen
    for bad in ("@@ ANSWERED", "@@ CONNECTED", "@@ READABLE", "@@ OPEN"):
        assert bad not in seen, next(line for line in seen.splitlines() if line.startswith(bad))
    questions = (
        ["squeue", "-a", "-h", "-O", "JobID:20,Name:200,Comment:200,Command:200,WorkDir:200,AdminComment:100"],
        ["scontrol", "show", "job", "-dd", job],
        ["scontrol", "write", "batch_script", job, "-"],
        ["sacct", "-a", "-P", "-o", "ALL", "-j", job],
        ["sacct", "--batch-script", "-j", job],
        ["sacct", "--env-vars", "-j", job],
        ["scontrol", "listpids", job],
    )
    for question in questions:
        done = slurm.exec_on(node, question, user=BOB.name, check=False)
        seen += f"\n@@ {question[0]}\n{done.stdout}{done.stderr}"
    own = (folder / "other.pem").read_text()
    for name, secret in secrets.items():
        assert secret not in seen.replace(own, ""), name
    assert portal.get(session.id) == (200, SECRET)


def test_what_is_the_sessions_own_is_its_owners_alone(slurm: Cluster, program: Program) -> None:
    home = Path(pwd.getpwnam(ALICE.name).pw_dir, ".local/state/armchair-of-one-test")
    shutil.rmtree(home, ignore_errors=True)
    with portal_of(slurm, program, 'output_directory = "~/.local/state/armchair-of-one-test/jobs"') as portal:
        session = portal.launch()
        node = slurm.job(portal.job(session.id))["NodeList"]
        look_for_loose_files(slurm, portal, node, home)
    shutil.rmtree(home)


def look_for_loose_files(slurm: Cluster, portal: SlurmPortal, node: str, home: Path) -> None:
    find = ["find", home, "/tmp", "/dev/shm", "-user", ALICE.name, "-perm", "/077", "-not", "-type", "l"]
    loose = slurm.exec_on(node, find, check=False).stdout.splitlines()
    assert [path for path in loose if "armchair" in path] == []
    mine = ["-name", "armchair-*", "-user", ALICE.name, "-perm", "700"]
    private = slurm.exec_on(node, ["find", "/tmp", "-maxdepth", "1", *mine])
    assert private.stdout.strip()
    keys = slurm.exec_on(node, ["grep", "-rlE", "PRIVATE KEY", "/tmp", "/dev/shm", home], check=False).stdout.split()
    assert [path for path in keys if str(portal.home) not in path] == []
