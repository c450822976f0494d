"""An application as the catalogue offers it, and the plan that a filled-in form makes of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from armchair.domain.forms.fields import Field
from armchair.domain.session import Resources


class AppType(StrEnum):
    """How an application is shown."""

    WEB = "web"
    X11 = "x11"


class Transport(StrEnum):
    """How an application listens: on the unix socket it is given, or only on TCP.

    TCP_ISOLATED runs it in a private network namespace; TCP_LOOPBACK leaves an open loopback port, which other users
    of the node can reach, and is refused unless the administrator allowed it.
    """

    UNIX = "unix"
    TCP_ISOLATED = "tcp_isolated"
    TCP_LOOPBACK = "tcp_loopback"


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """A preset on the launch page. `title` is for people ("CPU short")."""

    name: str
    title: str
    resources: Resources


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """When an application counts as ready: a GET of `path` answers with one of `statuses` (inclusive ranges).

    `usual` is how long it usually takes (for words); nothing ever fails for being slow.
    """

    path: str = "/"
    statuses: tuple[tuple[int, int], ...] = ((200, 399),)
    usual: timedelta = timedelta(seconds=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """Something an application needs and this machine lacks, with the exact command that cures it."""

    what: str
    cure: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """One valid application directory. `directory` is where its run.sh, icon and README are.

    `transport_field` names the choice field whose answer is the transport, for programs whose ways differ by what is run;
    "" when `transport` holds always.
    """

    name: str
    version: str
    title: str
    description: str
    category: str
    type: AppType
    directory: str
    icon: str = "icon.svg"
    transport: Transport = Transport.UNIX
    transport_field: str = ""
    readiness: Readiness = field(default_factory=Readiness)
    start_path: str = "/"
    stop_signal: str = "TERM"
    stop_grace: timedelta = timedelta(seconds=10)
    sizes: tuple[Size, ...] = ()
    fields: tuple[Field, ...] = ()
    kit: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[Missing, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a valid form amounts to. `answers` are normalised JSON values; fields that do not apply are left out.

    `environment` is what the application's run script gets: `ARMCHAIR_FIELD_<NAME>` in upper case, as text.
    """

    app: str
    size: str
    title: str
    resources: Resources
    answers: Mapping[str, object]
    environment: Mapping[str, str]
    transport: Transport = Transport.UNIX
