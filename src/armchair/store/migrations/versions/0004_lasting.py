"""Time and idleness of runs; who wants to be told what, and the letters that tell it."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add columns and tables. Nobody is told of what happened before."""
    for name in ("walltime", "walltime_wanted", "warned_for", "active_at", "activity_at", "idle_ends_at", "idle_stop_at"):
        op.add_column("run", sa.Column(name, sa.BigInteger()))
    op.add_column("run", sa.Column("extensions", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("run", sa.Column("extend_refused", sa.Text(), nullable=False, server_default=""))
    op.create_table(
        "wish",
        sa.Column("session", sa.Text(), nullable=False),
        sa.Column("login", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("occasions", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("session", "login", "channel", name="wish_pk"),
        sa.ForeignKeyConstraint(["session"], ["session.id"], name="wish_session_fk", ondelete="CASCADE"),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("event", sa.Integer(), nullable=False),
        sa.Column("session", sa.Text(), nullable=False),
        sa.Column("login", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("occasion", sa.Text(), nullable=False),
        sa.Column("params", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger()),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("sent", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="outbox_pk"),
        sa.ForeignKeyConstraint(["session"], ["session.id"], name="outbox_session_fk", ondelete="CASCADE"),
        sqlite_autoincrement=True,
    )
    op.create_index("outbox_once", "outbox", ["event", "login", "channel"], unique=True)
    op.create_index("outbox_due", "outbox", ["due_at"], unique=False, sqlite_where=sa.text("due_at IS NOT NULL"))
    op.create_table(
        "outbox_read",
        sa.Column("event", sa.Integer(), nullable=False),
    )
    op.execute("INSERT INTO outbox_read (event) SELECT COALESCE(MAX(id), 0) FROM event")
