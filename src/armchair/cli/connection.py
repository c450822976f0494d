"""Finds the portal and connects to it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from armchair.client import Client


def connect() -> "Client":
    """A client of the portal that ARMCHAIR_URL or the client settings name. Raises NotConfigured."""
    # imported here: `armchair --help` need not load an HTTP client (a third of its time)
    from armchair.client import Client, find  # noqa: PLC0415

    return Client(find())
