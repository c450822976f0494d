"""What a site's helper has said of a login stays with it, and with the tokens made in it."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; logins from before have none."""
    op.add_column("login", sa.Column("assertion", sa.Text(), nullable=False, server_default=""))
    op.add_column("token", sa.Column("assertion", sa.Text(), nullable=False, server_default=""))
