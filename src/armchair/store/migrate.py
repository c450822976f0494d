"""Brings the tables of a home up to date at start, in one transaction."""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from armchair.domain.errors import Conflict

HEAD = "0007"
SCRIPTS = Path(__file__).with_name("migrations")


def upgrade(connection: Connection) -> None:
    """Run what is missing, inside the caller's transaction. Nothing happens, and quickly, when nothing is.

    Raises Conflict("store_is_newer", found=…, known=…) when a later Armchair has been at work on this home.
    """
    found = revision(connection)
    if found == HEAD:
        return
    # Alembic is loaded only when there is something to do: it costs time and memory at each start otherwise
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if found is not None and found not in known:
        raise Conflict("store_is_newer", found=found, known=HEAD)
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def revision(connection: Connection) -> str | None:
    """The revision that the tables have, None for an empty file."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    row = connection.execute(text("SELECT version_num FROM alembic_version")).first()
    return None if row is None else str(row[0])
