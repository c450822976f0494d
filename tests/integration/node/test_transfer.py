"""The exchange of files through the front of a screen: HTTP as browsers and curl speak it, on a real socket."""

import socket
import subprocess  # noqa: TID251  mounts, and a front in a process of its own whose memory is its own
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from armchair.node.screen.config import Config
from armchair.node.screen.displays.base import Display, Surroundings
from armchair.node.screen.front import Front
from armchair.node.screen.janitor import Janitor

MUCH = 256 << 20


class Nothing(Display):
    """A display that shows nothing: the exchange needs none."""

    name = "nothing"

    def answers(self) -> bool:
        return True

    def connect(self) -> socket.socket:
        raise ConnectionRefusedError


class Site:
    """A front on a socket with an exchange folder, and a client."""

    def __init__(self, folder: Path, policy: str) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="armchair-transfer-", dir="/tmp"))
        self.folder = folder
        self.path = self.directory / "s"
        config = Config("nothing", ("true",), files=policy, folder=str(folder))
        janitor = Janitor.__new__(Janitor)  # nothing to tidy up: no process of its own for it
        self.front = Front(
            str(self.path), Nothing(Surroundings(str(self.directory), config, janitor)), config, lambda: "running"
        )
        self.front.start()
        self.client = httpx.Client(transport=httpx.HTTPTransport(uds=str(self.path)), base_url="http://x/-/", timeout=30)

    def close(self) -> None:
        self.client.close()
        self.front.stop()
        self.directory.rmdir()

    def left(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir()) if self.folder.exists() else []


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path / "Downloads", "both")
    yield made
    made.close()


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Site]:
    """The folder is a file system of 4 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "armchair-test", str(folder)], check=True)
    made = Site(folder, "both")
    yield made
    made.close()
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_file_goes_up_is_listed_and_comes_down(site: Site) -> None:
    answer = site.client.put("files/Bild%20%C3%A4%20%231%3F.png", content=b"picture")
    assert (answer.status_code, answer.json()) == (201, {"name": "Bild ä #1?.png"})
    (listed,) = site.client.get("files").json()
    assert (listed["name"], listed["size"]) == ("Bild ä #1?.png", 7)
    answer = site.client.get("files/Bild%20%C3%A4%20%231%3F.png")
    assert (answer.status_code, answer.content) == (200, b"picture")
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''Bild%20%C3%A4%20%231%3F.png"
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "sandbox"
    head = site.client.head("files/Bild%20%C3%A4%20%231%3F.png")
    assert (head.headers["content-length"], head.content) == ("7", b"")
    assert site.client.put("files/Bild%20%C3%A4%20%231%3F.png", content=b"2").json() == {"name": "Bild ä #1? (2).png"}


def test_an_empty_file_is_a_file(site: Site) -> None:
    assert site.client.put("files/empty", content=b"").status_code == 201
    assert site.client.get("files/empty").content == b""
    assert site.left() == ["empty"]


def test_an_upload_in_chunks_of_unknown_number(site: Site) -> None:
    assert site.client.put("files/a", content=iter([b"one", b"two"])).status_code == 201
    assert (site.folder / "a").read_bytes() == b"onetwo"


@pytest.mark.parametrize("name", ["..%2Fx", "%2Fetc%2Fpasswd", "a%00b", ".bashrc", "%FF", "%", "%zz", "%2", "a/b"])
def test_names_that_are_none_are_refused(site: Site, name: str) -> None:
    for answer in (site.client.put(f"files/{name}", content=b"x"), site.client.get(f"files/{name}")):
        assert (answer.status_code, answer.json()) == (400, {"error": "bad_name"})
    assert site.left() == []


def test_what_is_not_there_and_what_is_not_done(site: Site) -> None:
    assert site.client.get("files/nothing").json() == {"error": "no_file"}
    assert site.client.delete("files/nothing").status_code == 405
    assert site.client.post("files", content=b"x").status_code == 405


def test_a_policy_against_files_is_kept(tmp_path: Path) -> None:
    site = Site(tmp_path / "Downloads", "none")
    for answer in (site.client.get("files"), site.client.get("files/a"), site.client.put("files/a", content=b"x")):
        assert (answer.status_code, answer.json()) == (403, {"error": "files_off"})
    assert site.left() == []
    site.close()


def test_the_connection_goes_on_after_a_refusal(site: Site) -> None:
    with httpx.Client(
        transport=httpx.HTTPTransport(uds=str(site.path), limits=httpx.Limits(max_connections=1)), base_url="http://x/-/"
    ) as client:
        assert client.put("files/.a", content=b"x" * 1000).status_code == 400
        assert client.put("files/a", content=b"x" * 1000).status_code == 201


def test_a_large_upload_that_is_refused_is_told_why(small: Site) -> None:
    """All of it is on its way already when the answer comes."""
    answer = small.client.put("files/large", content=iter([bytes(1 << 20)] * 32), headers={"Content-Length": str(32 << 20)})
    assert (answer.status_code, answer.json()) == (507, {"error": "disk_full"})
    assert small.left() == []


def test_who_sends_all_before_reading_finds_the_answer(small: Site) -> None:
    """As a proxy may: hanging up on what it still sends would be an error to it, and the answer lost."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(20)
        client.connect(str(small.path))
        client.sendall(b"PUT /-/files/large HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (32 << 20))
        for _ in range(32):
            client.sendall(bytes(1 << 20))
        assert client.recv(100).startswith(b"HTTP/1.1 507 ")


def test_a_disk_that_becomes_full_leaves_nothing_half_done(small: Site) -> None:
    # its size is not known before, so only the disk can tell
    answer = small.client.put("files/large", content=iter([bytes(1 << 20)] * 32))
    assert (answer.status_code, answer.json()) == (507, {"error": "disk_full"})
    assert small.left() == []
    assert small.client.put("files/little", content=bytes(1 << 20)).status_code == 201


@pytest.mark.parametrize("length", [b"Content-Length: 1000", b"Transfer-Encoding: chunked"])
def test_an_upload_that_breaks_off_leaves_nothing(site: Site, length: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(site.path))
        begun = b"5\r\nhello\r\n" if b"chunked" in length else b"hello"
        client.sendall(b"PUT /-/files/a HTTP/1.1\r\nHost: x\r\n" + length + b"\r\n\r\n" + begun)
        until(lambda: any(path.stat().st_size for path in site.folder.glob(".armchair-*")), "the upload begins")
    until(lambda: site.left() == [], "nothing is left")


def test_a_folder_that_takes_nothing_is_said(site: Site) -> None:
    site.folder.write_text("a file where the folder should be")
    assert site.client.put("files/a", content=b"x").json() == {"error": "folder_closed"}
    site.folder.unlink()


SERVER = """
import sys, threading
from pathlib import Path
sys.path[:0] = {path!r}
from tests.integration.node import test_transfer
site = test_transfer.Site(Path({folder!r}), "both")
print(site.path, flush=True)
threading.Event().wait()
"""


def test_much_goes_through_with_flat_memory(tmp_path: Path) -> None:
    """Up and down again; the server has a process of its own, so that its peak is its own."""
    big = tmp_path / "big"
    with big.open("wb") as file:
        file.truncate(MUCH)
    root = Path(__file__).parents[3]
    code = SERVER.format(path=[str(root / "src"), str(root)], folder=str(tmp_path / "Downloads"))
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        path = process.stdout.readline().strip()
        status = Path(f"/proc/{process.pid}/status")
        curl = ["curl", "-sS", "--fail-with-body", "--unix-socket", path, "-H", "Expect:"]
        before = _peak(status)
        subprocess.run([*curl, "-T", str(big), "http://x/-/files/big"], check=True, stdout=subprocess.DEVNULL, timeout=100)
        subprocess.run([*curl, "-o", "/dev/null", "http://x/-/files/big"], check=True, timeout=100)
        assert (tmp_path / "Downloads" / "big").stat().st_size == MUCH
        assert _peak(status) - before < 16 << 10
    finally:
        process.kill()
        process.communicate()


def _peak(status: Path) -> int:
    """Most memory so far, in kB."""
    return int(next(line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM")))
