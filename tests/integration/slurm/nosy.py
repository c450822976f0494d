"""What an ordinary user on a node tries: prints all that they can read of another user's job, and what they could connect to.

nosy.py UID SPOOL HOME PORTS      (PORTS: comma-separated host:port)
"""

import os
import socket
import ssl
import stat
import sys
from pathlib import Path

PROC = ("cmdline", "environ", "maps", "status", "auxv", "mem", "comm", "stat", "io", "mountinfo", "cgroup")


def main() -> None:
    uid, spool, home, ports = int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4].split(",")
    processes(uid)
    for place in (spool, home, Path("/tmp"), Path("/dev/shm"), Path("/var/tmp"), Path(f"/run/user/{uid}")):
        files(place, uid)
    unix_sockets()
    for one in ports:
        port(*one.rsplit(":", 1))


def said(what: str, data: bytes) -> None:
    sys.stdout.write(f"@@ {what}\n{data.decode('utf-8', 'replace')}\n")


def processes(uid: int) -> None:
    for entry in Path("/proc").iterdir():
        try:
            if not entry.name.isdigit() or entry.stat().st_uid not in (uid, 0):
                continue
        except OSError:
            continue
        for name in PROC:
            try:
                with (entry / name).open("rb") as file:
                    data = file.read(1 << 16)
            except OSError:
                continue
            if data:
                said(f"proc {name}", data)
        for name in ("fd", "cwd", "root", "exe"):
            try:
                list(Path(entry, name).iterdir())
            except OSError:
                continue
            if entry.stat().st_uid == uid:
                said(f"OPEN /proc/{entry.name}/{name}", b"")


def files(place: Path, uid: int) -> None:
    for folder, names, found in os.walk(place):
        # what anybody can download is nobody's secret: Tornado brings a key for its own tests
        names[:] = [name for name in names if name != "site-packages"]
        for name in (*names, *found):
            path = Path(folder, name)
            try:
                facts = path.lstat()
                if stat.S_ISREG(facts.st_mode) and facts.st_size < (8 << 20):
                    data = path.read_bytes()
                    if "armchair" in str(path) and facts.st_uid == uid:
                        said(f"READABLE {path}", b"")
                    said(f"file {path}", data)
            except OSError:
                continue


def unix_sockets() -> None:
    for line in Path("/proc/net/unix").read_text().splitlines()[1:]:
        path = line.split()[-1]
        if not path.startswith("/") or "armchair" not in path or "cluster" in path:
            continue
        with socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect(path)
            except OSError:
                said(f"closed {path}", b"")
            else:
                said(f"CONNECTED {path}", b"")


def port(host: str, number: str) -> None:
    """In TLS without a certificate and with another session's (other.pem beside this file), and in the clear."""
    for certificate in ("", "other.pem", "clear"):
        try:
            with socket.create_connection((host, int(number)), 5) as raw:
                client = raw
                if certificate != "clear":
                    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
                    if certificate:
                        context.load_cert_chain(str(Path(__file__).with_name(certificate)))
                    client = context.wrap_socket(raw)
                client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                answer = client.recv(1000)
        except OSError as error:
            answer = b""
            said(f"refused {host}:{number} {certificate or 'none'} {error}", b"")
        if b"HTTP/" in answer:
            said(f"ANSWERED {host}:{number} {certificate}", answer)


if __name__ == "__main__":
    main()
