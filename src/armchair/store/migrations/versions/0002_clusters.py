"""Sessions on clusters: where a session is to go, and what the scheduler says of its job."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; what is there keeps its meaning."""
    op.add_column("session", sa.Column("placement", sa.Text(), nullable=False, server_default="{}"))
    op.add_column("session", sa.Column("mandate", sa.Text(), nullable=False, server_default=""))
    op.add_column("run", sa.Column("expected_start", sa.BigInteger()))
    op.add_column("run", sa.Column("position", sa.Integer()))
    op.add_column("run", sa.Column("node", sa.Text(), nullable=False, server_default=""))
    op.add_column("run", sa.Column("ends_at", sa.BigInteger()))
