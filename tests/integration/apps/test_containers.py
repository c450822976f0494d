"""Applications in real containers: a web program, a graphical one, and one whose display server is in the image too."""

import asyncio
import os
import re
import shutil
import signal
import subprocess  # noqa: TID251 - X11's own tools look at the display from outside
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from armchair.catalogue.loader import DirectoryCatalogue
from armchair.catalogue.settings import CatalogueSettings, ContainersSettings
from armchair.testing.processes import eventually
from armchair.wire import trouble
from images import build, runtimes

from .screens import keys_go_to  # noqa: TID252 - one folder's own

AS_NOBODY = """
/usr/bin/chown -R 65534:65534 "$ARMCHAIR_DIR" &&
{ [ "$HOME" = /var/tmp ] || /usr/bin/chown -R 65534:65534 "$HOME"; } && cd "$HOME" &&
exec /usr/bin/setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
"""
RUNTIMES = ("bubblewrap", "charliecloud", *runtimes.INSTALLED)
# the smallest HTTP server that perl-base allows
SERVER = r"""#!/usr/bin/perl
use Socket;
socket(S, PF_UNIX, SOCK_STREAM, 0); bind(S, sockaddr_un($ENV{ARMCHAIR_SOCKET})) or die $!; listen(S, 9);
open(V, "/etc/debian_version"); $v = <V>;
while (accept(C, S)) { sysread(C, $b, 9999); syswrite(C, "HTTP/1.0 200 OK\r\n\r\n$v"); close(C) }
"""


def write_app(directory: Path, toml: str, script: str | None = None) -> None:
    directory.mkdir(parents=True)
    (directory / "app.toml").write_text(f'title = "D"\ndescription = "d"\n{toml}')
    if script is not None:
        (directory / "run.sh").write_text(script)


@pytest.fixture
def apps(tmp_path: Path) -> Path:
    return tmp_path / "apps"


@pytest.fixture
def catalogue(apps: Path, tmp_path: Path, request: pytest.FixtureRequest) -> DirectoryCatalogue:
    """With the runtime that the test is about, if it is about one."""
    apps.mkdir()
    marker = request.node.callspec.params.get("runtime") if hasattr(request.node, "callspec") else None
    containers = ContainersSettings(runtimes=(marker,)) if marker else ContainersSettings()
    return DirectoryCatalogue(CatalogueSettings(directories=(apps,), containers=containers), tmp_path)


@pytest.fixture
def home() -> Iterator[Path]:
    """The home of somebody who is not root, as people are not."""
    path = Path(tempfile.mkdtemp(prefix="armchair-home-", dir="/var/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def launch(start: Any, home: Path) -> Callable[..., Any]:
    """launch(app, answers, **environment) → AppRun of that person."""

    def begin(app: str, answers: Mapping[str, object] | None = None, before: Sequence[str] = (), **extra: str) -> Any:
        return start(
            app, answers, before=("sh", "-c", AS_NOBODY, "sh", *before), **{"HOME": str(home), "USER": "nobody", **extra}
        )

    return begin


async def there(path: Path, seconds: float = 60.0) -> str:
    """What stands in the file, once it is there."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not path.exists() or not path.read_text():
        assert asyncio.get_running_loop().time() < deadline, f"{path} did not come"
        await asyncio.sleep(0.05)
    return path.read_text()


def display_of(run: Any) -> Mapping[str, str]:
    """The environment of the run's X clients, from one of its processes."""
    for pid in run.left():
        words = dict(word.partition(b"=")[::2] for word in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"))
        if b"DISPLAY" in words:
            return {**os.environ, "DISPLAY": words[b"DISPLAY"].decode(), "XAUTHORITY": str(run.directory / "Xauthority")}
    pytest.fail("no process of the run has a display")


def titles(run: Any) -> str:
    """The windows on the run's display."""
    asked = ["xwininfo", "-root", "-tree"]
    return subprocess.run(asked, env=display_of(run), capture_output=True, text=True, timeout=30, check=True).stdout


def width_of(run: Any, title: str) -> int:
    """The window's width; 0 while there is no such window."""
    asked = ["xwininfo", "-name", title]
    told = subprocess.run(asked, env=display_of(run), capture_output=True, text=True, timeout=30, check=False).stdout
    return int((re.search(r"Width: (\d+)", told) or ["", 0])[1])


async def first_client(run: Any) -> None:
    """What Xpra does when the first browser is there."""
    hook = await asyncio.create_subprocess_exec("sh", str(run.directory / "first-client.sh"))
    assert await hook.wait() == 0


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", ["directory", "squashfs"])
@pytest.mark.parametrize("runtime", RUNTIMES)
async def test_a_web_program_in_an_image(launch: Any, apps: Path, home: Path, runtime: str, kind: str) -> None:
    image = getattr(build, kind)()
    write_app(apps / "web", f'type = "web"\n[container]\nimage = "{image}"\n', SERVER)
    run = launch("web")
    await run.ready()
    async with run.client() as client:
        assert (await client.get("/")).text == (build.directory() / "etc/debian_version").read_text()
    assert await run.stop() in (-15, 143)
    assert run.left() == []


@pytest.mark.timeout(600)
@pytest.mark.parametrize("runtime", RUNTIMES)
async def test_a_graphical_program_in_an_image_on_the_nodes_display(launch: Any, runtime: str, home: Path) -> None:
    command = "xterm -T 'in the image' -e sh -c 'cat /etc/debian_version >~/seen; exec sleep 600'"
    run = launch("container-program", {"image": str(build.squashfs()), "command": command})
    await run.ready()
    await first_client(run)
    assert await there(home / "seen") == (build.directory() / "etc/debian_version").read_text()
    assert '"in the image"' in titles(run)
    await run.stop()
    assert run.left() == []


@pytest.fixture
def inside(launch: Callable[..., Any], apps: Path, home: Path) -> Callable[..., Any]:
    """inside(image, command, more) → AppRun of a program whose display server is in its image, on a node without X11."""
    bare = home / "bin"
    bare.mkdir()
    for program in ("sh", "bwrap", "ch-run", "squashfuse", "squashfuse_ll", *runtimes.INSTALLED):
        there = (path / program for path in (Path("/usr/bin"), Path("/bin")))
        (bare / program).symlink_to(next(path for path in there if path.exists()))

    def begin(image: Path, command: str, more: str = "") -> Any:
        toml = f'type = "x11"\ncommand = "{command}"\n{more}[container]\nimage = "{image}"\ndisplay = "inside"\n'
        write_app(apps / "inside", toml.replace("'", "\\u0027"))
        return launch("inside", None, PATH=str(bare), ARMCHAIR_AGENT_PYTHON="/usr/bin/python3")

    return begin


@pytest.mark.timeout(900)
@pytest.mark.parametrize("runtime", RUNTIMES)
async def test_program_and_display_server_in_an_image(inside: Any, home: Path, runtime: str) -> None:
    command = "xterm -T 'all inside' -e sh -c 'cat /etc/debian_version >~/seen; exec sleep 600'"
    run = inside(build.squashfs("displays"), command)
    took = await run.ready()
    print(f"{runtime}: ready after {took:.1f} s")  # noqa: T201
    async with run.client() as client:
        assert "xpra" in (await client.get("/")).text.lower()
    await first_client(run)
    await there(home / "seen")
    assert '"all inside"' in titles(run)
    await run.stop()
    assert run.left() == []


@pytest.mark.timeout(900)
@pytest.mark.parametrize("runtime", RUNTIMES)
async def test_program_and_vnc_server_in_an_image(inside: Any, home: Path, runtime: str) -> None:
    command = "xterm -T 'all inside' -e sh -c 'read word; echo $word in $(cat /etc/debian_version) >~/seen; exec sleep 600'"
    run = inside(build.squashfs("displays"), command, '[display]\nbackend = "vnc"\n')
    took = await run.ready()
    print(f"{runtime}: ready after {took:.1f} s")  # noqa: T201
    async with run.client() as client:
        assert (await client.get("/-/state")).json()["server"].startswith("TigerVNC 1.")
    async with run.vnc_client() as rfb:
        await asyncio.to_thread(rfb.until_drawn, 3)
        # the image's window manager sees to both, one after the other
        await asyncio.to_thread(eventually, lambda: width_of(run, "all inside") > rfb.width - 40, "it fills the screen", 30)
        await asyncio.to_thread(eventually, lambda: keys_go_to(display_of(run)) == "all inside", "it has the keys", 30)
        rfb.type("Typed\n")
        assert await there(home / "seen") == "Typed in " + (build.directory() / "etc/debian_version").read_text()
    display = display_of(run)["DISPLAY"][1:]
    await run.stop()
    assert run.left() == []
    assert not Path(f"/tmp/.X11-unix/X{display}").exists()
    assert not Path(f"/tmp/.X{display}-lock").exists()


@pytest.mark.parametrize(
    ("content", "code"), [(None, "image_missing"), (b"nothing of the kind", "image_corrupt")], ids=["missing", "corrupt"]
)
async def test_what_is_wrong_with_an_image_is_left_for_the_agent(
    launch: Any, tmp_path: Path, home: Path, content: bytes | None, code: str
) -> None:
    path = home / "i.sif"
    if content is not None:
        path.write_bytes(content)
    run = launch("container-program", {"image": str(path), "command": "xterm"})
    await run.ready()
    await first_client(run)
    assert await run.ended() != 0
    assert trouble.read(str(run.directory))[0] == code


async def test_a_display_server_that_the_node_can_t_run_is_tried_once(launch: Any, apps: Path, home: Path) -> None:
    image = home / "i.sqfs"
    image.write_bytes(b"hsqs")
    write_app(apps / "inside", f'type = "x11"\ncommand = "xterm"\n[container]\nimage = "{image}"\ndisplay = "inside"\n')
    run = launch("inside")
    assert await run.ended() != 0
    assert trouble.read(str(run.directory))[0] == "image_corrupt"
    # said by the container, and as the reason of the whole
    assert run.log.read_text().count("It ends within its header") == 2


async def test_a_silent_file_server_is_waited_for_and_the_log_says_so(launch: Any, apps: Path, home: Path) -> None:
    """The image lies in a file system whose server is stopped: a look at it hangs as one at a dead NFS server does."""
    served = home / "server"
    (served / "tree/bin").mkdir(parents=True)
    shutil.copyfile("/bin/true", served / "tree/bin/sh")
    (served / "tree/bin/sh").chmod(0o755)
    subprocess.run(["mksquashfs", served / "tree", served / "s", "-quiet", "-no-progress"], check=True, capture_output=True)
    mounted = home / "mounted"
    mounted.mkdir()
    with subprocess.Popen(["squashfuse", "-f", "-s", "-o", "allow_other", served / "s", mounted]) as server:
        try:
            eventually(lambda: os.path.ismount(mounted), "the mount")
            server.send_signal(signal.SIGSTOP)
            write_app(apps / "web", f'type = "web"\ncommand = "true"\n[container]\nimage = "{mounted}"\n')
            # changing owners of what is served would hang, too
            run = launch("web", None, HOME="/var/tmp")
            eventually(lambda: "Waiting for the image" in run.log.read_text(), "a word of what it waits for", 60)
            assert run.process.poll() is None
            assert await run.stop() != 0
            assert trouble.read(str(run.directory)) == ("", "")
        finally:
            server.send_signal(signal.SIGCONT)
            server.terminate()


# as the agent does for programs that know ports only, before it starts them
ISOLATED = "import os, sys; from armchair.agent import kernel; kernel.isolate_network(); os.execv(sys.argv[1], sys.argv[1:])"


@pytest.mark.parametrize("runtime", RUNTIMES)
async def test_a_container_in_a_network_of_its_own(launch: Any, apps: Path, home: Path, runtime: str) -> None:
    command = "cat /proc/net/dev >~/seen"
    write_app(apps / "web", f'type = "web"\ncommand = "{command}"\n[container]\nimage = "{build.squashfs()}"\n')
    run = launch("web", before=(sys.executable, "-c", ISOLATED), PYTHONPATH=os.pathsep.join(sys.path))
    assert await run.ended() == 0, run.log.read_text()
    interfaces = [line.split(":")[0].strip() for line in (home / "seen").read_text().splitlines()[2:]]
    assert interfaces == ["lo"]
