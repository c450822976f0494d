"""The last picture of each session's screen."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add column and table."""
    op.add_column("session", sa.Column("thumbnail_at", sa.BigInteger()))
    op.create_table(
        "thumbnail",
        sa.Column("session", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("session", name="thumbnail_pk"),
        sa.ForeignKeyConstraint(["session"], ["session.id"], name="thumbnail_session_fk", ondelete="CASCADE"),
    )
