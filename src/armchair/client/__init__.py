"""Client of the portal's JSON API, for the command line and for tests."""

from armchair.client.api import Client
from armchair.client.errors import ApiError, ClientError, NotConfigured, PortalAway
from armchair.client.settings import ClientSettings, find, read, write

__all__ = [
    "ApiError",
    "Client",
    "ClientError",
    "ClientSettings",
    "NotConfigured",
    "PortalAway",
    "find",
    "read",
    "write",
]
