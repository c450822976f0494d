"""The hub as the portal starts it for one person: `python -m armchair.gateway.hub.main PLACES`; its log is its output."""

import asyncio
import logging
import sys

import structlog

from armchair.domain.errors import ArmchairError
from armchair.gateway.hub.places import Places
from armchair.gateway.hub.service import run


def main(text: str) -> int:
    """Run until told to end; 1 when a port is somebody else's."""
    logging.raiseExceptions = False  # a full disk loses lines and ends nothing
    structlog.configure(
        processors=[structlog.processors.TimeStamper(fmt="iso", utc=True), structlog.processors.LogfmtRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
    )
    try:
        asyncio.run(run(Places.load(text)))
    except ArmchairError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
