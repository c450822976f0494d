"""The tables. They hold facts; what can be derived is derived, except the folded texts that listings search and sort by."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)

from armchair.store.types import Json, Moment, Span, Words

metadata = MetaData()

# `number` is never given twice, also when the youngest session is removed (AUTOINCREMENT).
# `attempt` names the run that counts; search, sort_title and sort_app are folded for look-ups (see search.py).
session = Table(
    "session",
    metadata,
    Column("number", Integer, nullable=False),
    Column("id", Words, nullable=False),
    Column("version", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("kind", Words, nullable=False),
    Column("app", Words, nullable=False),
    Column("app_version", Words, nullable=False),
    Column("app_title", Words, nullable=False),
    Column("title", Words, nullable=False),
    Column("owner", Words, nullable=False),
    Column("run_as", Words, nullable=False),
    Column("created_by", Words, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("parent", Words),
    Column("collection", Words),
    Column("wanted", Words, nullable=False),
    Column("wanted_by", Words, nullable=False),
    Column("wanted_at", Moment),
    Column("launch_key", Words, nullable=False),
    Column("cluster", Words, nullable=False),
    Column("size", Words, nullable=False),
    Column("cores", Integer, nullable=False),
    Column("memory", BigInteger),
    Column("walltime", Span),
    Column("gpus", Integer, nullable=False),
    Column("answers", Json, nullable=False),
    Column("environment", Json, nullable=False),
    Column("search", Words, nullable=False),
    Column("sort_title", Words, nullable=False),
    Column("sort_app", Words, nullable=False),
    PrimaryKeyConstraint("number", name="session_pk"),
    ForeignKeyConstraint(["parent"], ["session.id"], name="session_parent_fk"),
    Index("session_id", "id", unique=True),
    Index("session_owner", "owner", "number"),
    Index("session_launch_key", "owner", "launch_key", unique=True, sqlite_where=text("launch_key <> ''")),
    sqlite_autoincrement=True,
)

run = Table(
    "run",
    metadata,
    Column("session", Words, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("intended_at", Moment, nullable=False),
    Column("job_cluster", Words),
    Column("job_id", Words),
    Column("job_submitted_at", Moment),
    Column("job_state", Words),
    Column("job_state_at", Moment),
    Column("absent_since", Moment),
    Column("reason", Words, nullable=False),
    Column("host", Words),
    Column("started_at", Moment),
    Column("restarts", Integer, nullable=False),
    Column("enrolled_at", Moment),
    Column("enrol_nonce", Words, nullable=False),
    Column("port", Integer),
    Column("ready_at", Moment),
    Column("heard_at", Moment),
    Column("stop_sent_at", Moment),
    Column("agent_end", Json),
    Column("job_end", Json),
    Column("refused", Words, nullable=False),
    Column("usage", Text, nullable=False),
    Column("outcome_kind", Words),
    Column("outcome_by", Words),
    Column("outcome_at", Moment),
    Column("outcome_exit_code", Integer),
    Column("outcome_signal", Integer),
    Column("outcome_detail", Words),
    Column("outcome_params", Json),
    PrimaryKeyConstraint("session", "attempt", name="run_pk"),
    ForeignKeyConstraint(["session"], ["session.id"], name="run_session_fk", ondelete="CASCADE"),
    CheckConstraint(
        "(job_id IS NULL) = (job_cluster IS NULL) AND (job_id IS NULL) = (job_submitted_at IS NULL)", name="run_job_whole"
    ),
    CheckConstraint(
        "(outcome_kind IS NULL) = (outcome_by IS NULL) AND (outcome_kind IS NULL) = (outcome_at IS NULL)",
        name="run_outcome_whole",
    ),
    Index("run_open", "session", sqlite_where=text("outcome_kind IS NULL")),
)

document = Table(
    "run_document",
    metadata,
    Column("session", Words, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("name", Words, nullable=False),
    Column("body", Words, nullable=False),
    PrimaryKeyConstraint("session", "attempt", "name", name="run_document_pk"),
    ForeignKeyConstraint(
        ["session", "attempt"], ["run.session", "run.attempt"], name="run_document_run_fk", ondelete="CASCADE"
    ),
)

event = Table(
    "event",
    metadata,
    Column("id", Integer, nullable=False),
    Column("session", Words, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("at", Moment, nullable=False),
    Column("code", Words, nullable=False),
    Column("params", Json, nullable=False),
    PrimaryKeyConstraint("id", name="event_pk"),
    ForeignKeyConstraint(["session"], ["session.id"], name="event_session_fk", ondelete="CASCADE"),
    Index("event_session", "session", "id"),
    sqlite_autoincrement=True,
)

# "grant" is a word of SQL
grant = Table(
    "session_grant",
    metadata,
    Column("session", Words, nullable=False),
    Column("subject", Words, nullable=False),
    Column("role", Words, nullable=False),
    Column("until", Moment),
    PrimaryKeyConstraint("session", "subject", name="session_grant_pk"),
    ForeignKeyConstraint(["session"], ["session.id"], name="session_grant_session_fk", ondelete="CASCADE"),
    Index("session_grant_subject", "subject"),
)

person = Table(
    "person",
    metadata,
    Column("login", Words, nullable=False),
    Column("name", Words, nullable=False),
    Column("roles", Json, nullable=False),
    PrimaryKeyConstraint("login", name="person_pk"),
)

link = Table(
    "login_link",
    metadata,
    Column("digest", Words, nullable=False),
    Column("login", Words, nullable=False),
    Column("expires_at", Moment, nullable=False),
    PrimaryKeyConstraint("digest", name="login_link_pk"),
)

login = Table(
    "login",
    metadata,
    Column("id", Words, nullable=False),
    Column("digest", Words, nullable=False),
    Column("login", Words, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    PrimaryKeyConstraint("id", name="login_pk"),
    Index("login_digest", "digest", unique=True),
    Index("login_login", "login"),
)

token = Table(
    "token",
    metadata,
    Column("id", Words, nullable=False),
    Column("digest", Words, nullable=False),
    Column("login", Words, nullable=False),
    Column("name", Words, nullable=False),
    Column("scopes", Json, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment),
    PrimaryKeyConstraint("id", name="token_pk"),
    Index("token_digest", "digest", unique=True),
    Index("token_name", "login", "name", unique=True),
)

join_code = Table(
    "join_code",
    metadata,
    Column("digest", Words, nullable=False),
    Column("session", Words, nullable=False),
    Column("login", Words, nullable=False),
    Column("login_id", Words, nullable=False),
    Column("expires_at", Moment, nullable=False),
    PrimaryKeyConstraint("digest", name="join_code_pk"),
)
