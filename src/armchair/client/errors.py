"""What can go wrong between a client and the portal.

ClientError
├── NotConfigured     no portal is known: none was started here, and ARMCHAIR_URL is not set
├── PortalAway        it is known where the portal is, but nobody answers there
├── DisplayAway       the portal answers, but a session's display can't be reached
└── ApiError          the portal answered with an error
"""

from dataclasses import dataclass


class ClientError(Exception):
    """Base of the tree. Its text is a sentence for people."""


class NotConfigured(ClientError):
    """It is not known where a portal is."""


class PortalAway(ClientError):
    """Nobody answers at `url`."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"The portal at {url} does not answer ({reason}).")
        self.url = url


class DisplayAway(ClientError):
    """A session's display can't be reached."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"The session's display can't be reached ({reason}).")
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldMessage:
    """What the portal says of one part of the request."""

    field: str
    code: str
    message: str


class ApiError(ClientError):
    """The portal answered with an error: HTTP `status`, stable `code` and one entry in `fields` for each mistake."""

    def __init__(self, *, status: int, code: str, message: str, fields: tuple[FieldMessage, ...] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.fields = fields
