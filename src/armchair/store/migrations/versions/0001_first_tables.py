"""The first tables: sessions with their runs, documents, events and grants; people, logins, tokens and join codes."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

OUTCOME = ("kind", "by", "at", "exit_code", "signal", "detail", "params")


def upgrade() -> None:
    """Make all tables."""
    _session()
    _run()
    _run_document()
    _event()
    _session_grant()
    _person()
    _login_link()
    _login()
    _token()
    _join_code()
    _outcome_is_final()


def _session() -> None:
    op.create_table(
        "session",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("app_version", sa.Text(), nullable=False),
        sa.Column("app_title", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("run_as", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("parent", sa.Text(), nullable=True),
        sa.Column("collection", sa.Text(), nullable=True),
        sa.Column("wanted", sa.Text(), nullable=False),
        sa.Column("wanted_by", sa.Text(), nullable=False),
        sa.Column("wanted_at", sa.BigInteger(), nullable=True),
        sa.Column("launch_key", sa.Text(), nullable=False),
        sa.Column("cluster", sa.Text(), nullable=False),
        sa.Column("size", sa.Text(), nullable=False),
        sa.Column("cores", sa.Integer(), nullable=False),
        sa.Column("memory", sa.BigInteger(), nullable=True),
        sa.Column("walltime", sa.BigInteger(), nullable=True),
        sa.Column("gpus", sa.Integer(), nullable=False),
        sa.Column("answers", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("search", sa.Text(), nullable=False),
        sa.Column("sort_title", sa.Text(), nullable=False),
        sa.Column("sort_app", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["parent"], ["session.id"], name="session_parent_fk"),
        sa.PrimaryKeyConstraint("number", name="session_pk"),
        sqlite_autoincrement=True,
    )
    op.create_index("session_id", "session", ["id"], unique=True)
    op.create_index(
        "session_launch_key", "session", ["owner", "launch_key"], unique=True, sqlite_where=sa.text("launch_key <> ''")
    )
    op.create_index("session_owner", "session", ["owner", "number"], unique=False)


def _run() -> None:
    op.create_table(
        "run",
        sa.Column("session", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("intended_at", sa.BigInteger(), nullable=False),
        sa.Column("job_cluster", sa.Text(), nullable=True),
        sa.Column("job_id", sa.Text(), nullable=True),
        sa.Column("job_submitted_at", sa.BigInteger(), nullable=True),
        sa.Column("job_state", sa.Text(), nullable=True),
        sa.Column("job_state_at", sa.BigInteger(), nullable=True),
        sa.Column("absent_since", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=True),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("restarts", sa.Integer(), nullable=False),
        sa.Column("enrolled_at", sa.BigInteger(), nullable=True),
        sa.Column("enrol_nonce", sa.Text(), nullable=False),
        sa.Column("port", sa.Integer(), nullable=True),
        sa.Column("ready_at", sa.BigInteger(), nullable=True),
        sa.Column("heard_at", sa.BigInteger(), nullable=True),
        sa.Column("stop_sent_at", sa.BigInteger(), nullable=True),
        sa.Column("agent_end", sa.Text(), nullable=True),
        sa.Column("job_end", sa.Text(), nullable=True),
        sa.Column("refused", sa.Text(), nullable=False),
        sa.Column("usage", sa.Text(), nullable=False),
        sa.Column("outcome_kind", sa.Text(), nullable=True),
        sa.Column("outcome_by", sa.Text(), nullable=True),
        sa.Column("outcome_at", sa.BigInteger(), nullable=True),
        sa.Column("outcome_exit_code", sa.Integer(), nullable=True),
        sa.Column("outcome_signal", sa.Integer(), nullable=True),
        sa.Column("outcome_detail", sa.Text(), nullable=True),
        sa.Column("outcome_params", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(job_id IS NULL) = (job_cluster IS NULL) AND (job_id IS NULL) = (job_submitted_at IS NULL)", name="run_job_whole"
        ),
        sa.CheckConstraint(
            "(outcome_kind IS NULL) = (outcome_by IS NULL) AND (outcome_kind IS NULL) = (outcome_at IS NULL)",
            name="run_outcome_whole",
        ),
        sa.ForeignKeyConstraint(["session"], ["session.id"], name="run_session_fk", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("session", "attempt", name="run_pk"),
    )
    op.create_index("run_open", "run", ["session"], unique=False, sqlite_where=sa.text("outcome_kind IS NULL"))


def _run_document() -> None:
    op.create_table(
        "run_document",
        sa.Column("session", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["session", "attempt"], ["run.session", "run.attempt"], name="run_document_run_fk", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("session", "attempt", "name", name="run_document_pk"),
    )


def _event() -> None:
    op.create_table(
        "event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("session", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("params", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["session"], ["session.id"], name="event_session_fk", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="event_pk"),
        sqlite_autoincrement=True,
    )
    op.create_index("event_session", "event", ["session", "id"], unique=False)


def _session_grant() -> None:
    op.create_table(
        "session_grant",
        sa.Column("session", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["session"], ["session.id"], name="session_grant_session_fk", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("session", "subject", name="session_grant_pk"),
    )
    op.create_index("session_grant_subject", "session_grant", ["subject"], unique=False)


def _person() -> None:
    op.create_table(
        "person",
        sa.Column("login", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("roles", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("login", name="person_pk"),
    )


def _login_link() -> None:
    op.create_table(
        "login_link",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("login", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="login_link_pk"),
    )


def _login() -> None:
    op.create_table(
        "login",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("login", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="login_pk"),
    )
    op.create_index("login_digest", "login", ["digest"], unique=True)
    op.create_index("login_login", "login", ["login"], unique=False)


def _token() -> None:
    op.create_table(
        "token",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("login", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="token_pk"),
    )
    op.create_index("token_digest", "token", ["digest"], unique=True)
    op.create_index("token_name", "token", ["login", "name"], unique=True)


def _join_code() -> None:
    op.create_table(
        "join_code",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("session", sa.Text(), nullable=False),
        sa.Column("login", sa.Text(), nullable=False),
        sa.Column("login_id", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="join_code_pk"),
    )


def _outcome_is_final() -> None:
    """Invariant I3 in the database itself: an outcome is written once, and neither changed nor cleared."""
    changes = " OR ".join(f"NEW.outcome_{part} IS NOT OLD.outcome_{part}" for part in OUTCOME)
    op.execute(
        "CREATE TRIGGER run_outcome_is_final BEFORE UPDATE ON run "
        f"WHEN OLD.outcome_kind IS NOT NULL AND ({changes}) "
        "BEGIN SELECT RAISE(ABORT, 'outcome_is_final'); END"
    )
