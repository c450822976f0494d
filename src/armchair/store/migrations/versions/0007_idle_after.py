"""When a session's owner wants it to end for not being used."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; nobody has chosen anything so far."""
    op.add_column("session", sa.Column("idle_after", sa.BigInteger()))
