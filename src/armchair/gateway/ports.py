"""Whether a listening address is free, and who has it if not."""

import errno
import os
import socket
from pathlib import Path

from armchair.domain.errors import BadSettings, Unavailable
from armchair.gateway.names import Address

_LISTEN = "0A"
# below the range from which the kernel takes the ports of outgoing connections
KEPT_PORTS = range(20_000, 32_000)


def require_free(address: Address) -> None:
    """Raises Unavailable("port_in_use", address=…, by=…) when somebody listens there, BadSettings when it can't be ours."""
    if address.path:
        _require_free_path(address)
        return
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.host, address.port))
            probe.listen(1)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise Unavailable("port_in_use", address=str(address), by=listener(address.port)) from error
            problem = f"can't listen on {address}: {os.strerror(error.errno) if error.errno else error}"
            raise BadSettings("bad_settings", key="gateway.listen", origin="", problem=problem) from error


def is_free(address: Address) -> bool:
    """Whether we could listen there now."""
    try:
        require_free(address)
    except (Unavailable, BadSettings):
        return False
    return True


def listener(port: int) -> str:
    """The program that listens on this TCP port, as "name (pid)"; "" when it can't be known (other users' programs)."""
    inodes = {inode for table in ("tcp", "tcp6") for inode in _listening(Path("/proc/net") / table, port)}
    if not inodes:
        return ""
    wanted = {f"socket:[{inode}]" for inode in inodes}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and _holds(entry / "fd", wanted):
            try:
                return f"{(entry / 'comm').read_text().strip()} ({entry.name})"
            except OSError:
                return f"({entry.name})"
    return ""


def _require_free_path(address: Address) -> None:
    path = Path(address.path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            return  # nobody, or a leftover that HAProxy replaces
        except OSError as error:
            problem = f"can't listen on {address}: {error}"
            raise BadSettings("bad_settings", key="gateway.listen", origin="", problem=problem) from error
    raise Unavailable("port_in_use", address=str(address), by="")


def _listening(table: Path, port: int) -> set[str]:
    try:
        rows = [line.split() for line in table.read_text().splitlines()[1:]]
    except OSError:
        return set()
    return {row[9] for row in rows if len(row) > 9 and row[3] == _LISTEN and row[1].endswith(f":{port:04X}")}


def _holds(descriptors: Path, wanted: set[str]) -> bool:
    try:
        return any(str(entry.readlink()) in wanted for entry in descriptors.iterdir())
    except OSError:
        return False
