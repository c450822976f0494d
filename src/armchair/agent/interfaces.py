"""The addresses of this node's network interfaces, and the one that a name or a network means."""

import array
import ipaddress
import socket
import struct
from fcntl import ioctl
from typing import List, Tuple

SIOCGIFCONF = 0x8912
MOST = 256


def address_of(wanted: str) -> str:
    """The node's address on the interface `wanted`, or in the network `wanted`; "" when it has none. IPv4 comes first."""
    network = None
    if "/" in wanted:
        try:
            network = ipaddress.ip_network(wanted, strict=False)
        except ValueError:
            return ""
    for name, address in addresses():
        if ipaddress.ip_address(address) in network if network is not None else name == wanted:
            return address
    return ""


def addresses() -> List[Tuple[str, str]]:
    """(interface, address) of all that are up; without IPv6's link-local ones, which nobody can call by address alone."""
    return _ipv4() + _ipv6()


def _ipv4() -> List[Tuple[str, str]]:
    size = 40 if struct.calcsize("P") == 8 else 32
    room = array.array("B", bytes(size * MOST))
    where, length = room.buffer_info()
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
            filled = struct.unpack("iP", ioctl(any_socket, SIOCGIFCONF, struct.pack("iP", length, where)))[0]
    except OSError:
        return []
    data = room.tobytes()[:filled]
    rows = (data[start : start + size] for start in range(0, len(data), size))
    # an address of its own name ("eth0:1") belongs to the same interface
    return [(row[:16].split(b"\0")[0].decode().split(":")[0], socket.inet_ntoa(row[20:24])) for row in rows]


def _ipv6() -> List[Tuple[str, str]]:
    found = []
    try:
        with open("/proc/net/if_inet6") as file:
            for line in file:
                words = line.split()
                address = ipaddress.ip_address(bytes(bytearray.fromhex(words[0])))
                if not address.is_link_local:
                    found.append((words[5], str(address)))
    except (OSError, ValueError, IndexError):
        return found
    return found
