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
    DESKTOP = "desktop"


class Backend(StrEnum):
    """What brings the windows of a graphical application into the browser: Xpra one by one, VNC as one screen."""

    XPRA = "xpra"
    VNC = "vnc"


class FileExchange(StrEnum):
    """Which way files may go between the browser and a graphical application's exchange folder."""

    BOTH = "both"
    UPLOAD = "upload"
    DOWNLOAD = "download"
    NONE = "none"


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
class Screen:
    """The screen of a graphical application.

    `size` in pixels: with Xpra the largest that it can have, as it follows the browser's window; with VNC its first one.
    `folder` is where files are exchanged; it may begin with `~/`. `sound`: wanted, where the node can.
    """

    backend: Backend = Backend.XPRA
    files: FileExchange = FileExchange.BOTH
    folder: str = "~/Downloads"
    sound: bool = False
    size: tuple[int, int] = (3840, 2160)


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """The container image that an application runs in.

    `image` is its path on the node; "" when the answer to `image_field` is. `runtime` "" is any. `binds` are what it sees
    besides what the site gives to all (SOURCE[:TARGET][:ro]). `display_inside`: the display server too comes from the image.
    """

    image: str = ""
    image_field: str = ""
    runtime: str = ""
    binds: tuple[str, ...] = ()
    home: bool = True
    nv: bool = False
    display_inside: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """Something an application needs and this machine lacks, with the exact command that cures it."""

    what: str
    cure: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """One valid application directory. `directory` is where its run.sh and README are, `icon` the path of its drawing.

    `transport_field` names the choice field whose answer is the transport, for programs whose ways differ by what is run;
    "" when `transport` holds always. `clusters` are the names of those that it may run on; empty: on all.
    `warning_signal` is sent to it before the end of its time. `ends_idle`: whether sessions that nobody uses may end (None: as
    the site has it), `idle_input`: its own number of bytes a minute that mean use. `screen`: None for what has none.
    `container`: None for what runs on the node itself. `missing` is why it can't be started; `unseen` are programs that the
    portal's machine lacks where jobs run on others, which may have them.
    """

    name: str
    version: str
    title: str
    description: str
    category: str
    type: AppType
    directory: str
    icon: str = ""
    transport: Transport = Transport.UNIX
    transport_field: str = ""
    readiness: Readiness = field(default_factory=Readiness)
    screen: Screen | None = None
    container: Container | None = None
    start_path: str = "/"
    stop_signal: str = "TERM"
    stop_grace: timedelta = timedelta(seconds=10)
    warning_signal: str = ""
    ends_idle: bool | None = None
    idle_input: int | None = None
    sizes: tuple[Size, ...] = ()
    fields: tuple[Field, ...] = ()
    kit: str = ""
    clusters: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[Missing, ...] = ()
    unseen: tuple[str, ...] = ()

    @property
    def is_at_hand(self) -> bool:
        """Whether all that it needs was found."""
        return not self.missing and not self.unseen

    @property
    def has_screen(self) -> bool:
        """Whether its sessions have a screen, which can be pictured. A web page is drawn by the reader's own browser."""
        return self.type is not AppType.WEB


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
