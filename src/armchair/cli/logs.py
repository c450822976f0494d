"""Where the portal's log goes: a file in its home that stays small; warnings also to the terminal, where links are read."""

import logging
import sys
from logging.handlers import RotatingFileHandler
from pathlib import Path

import structlog

FILE = "portal.log"
_SIZE = 5 * 1024 * 1024


def to_home(home: Path, *, calm: bool) -> None:
    """Send the portal's log to `<home>/portal.log`, and to standard error all of it or, when `calm`, only warnings.

    Raises OSError when the home can't be written.
    """
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = RotatingFileHandler(home / FILE, maxBytes=_SIZE, backupCount=2, encoding="utf-8")
    (home / FILE).chmod(0o600)
    console = logging.StreamHandler(sys.stderr)
    console.setLevel(logging.WARNING if calm else logging.INFO)
    _send_to(file, console)


def to_stderr() -> None:
    """Send all of it to standard error only, where a service manager reads it."""
    _send_to(logging.StreamHandler(sys.stderr))


def nowhere() -> None:
    """Log nothing: what matters is said in words."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


def _send_to(*handlers: logging.Handler) -> None:
    for handler in handlers:
        handler.setFormatter(logging.Formatter("%(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=handlers, force=True)
    logging.getLogger("armchair").setLevel(logging.INFO)
    # a full disk must not end the portal: what can't be logged is lost
    logging.raiseExceptions = False
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"], bool_as_flag=False),
        ],
        logger_factory=lambda *_: logging.getLogger("armchair"),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )
