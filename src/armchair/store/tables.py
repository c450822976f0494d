"""The tables. They hold facts; what can be derived is derived, except the folded texts that listings search and sort by."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
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
    Column("placement", Json, nullable=False, server_default="{}"),
    Column("mandate", Words, nullable=False, server_default=""),
    Column("answers", Json, nullable=False),
    Column("environment", Json, nullable=False),
    Column("thumbnail_at", Moment),
    Column("idle_after", Span),
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
    Column("expected_start", Moment),
    Column("position", Integer),
    Column("host", Words),
    Column("node", Words, nullable=False, server_default=""),
    Column("started_at", Moment),
    Column("ends_at", Moment),
    Column("restarts", Integer, nullable=False),
    Column("enrolled_at", Moment),
    Column("enrol_nonce", Words, nullable=False),
    Column("port", Integer),
    Column("ready_at", Moment),
    Column("heard_at", Moment),
    Column("stop_sent_at", Moment),
    Column("walltime", Span),
    Column("walltime_wanted", Span),
    Column("extensions", Integer, nullable=False, server_default="0"),
    Column("extend_refused", Words, nullable=False, server_default=""),
    Column("warned_for", Moment),
    Column("active_at", Moment),
    Column("activity_at", Moment),
    Column("idle_ends_at", Moment),
    Column("idle_stop_at", Moment),
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

# The last picture of each session's screen.
thumbnail = Table(
    "thumbnail",
    metadata,
    Column("session", Words, nullable=False),
    Column("at", Moment, nullable=False),
    Column("format", Words, nullable=False),
    Column("body", LargeBinary, nullable=False),
    PrimaryKeyConstraint("session", name="thumbnail_pk"),
    ForeignKeyConstraint(["session"], ["session.id"], name="thumbnail_session_fk", ondelete="CASCADE"),
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
    Column("assertion", Words, nullable=False, server_default=""),
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
    Column("assertion", Words, nullable=False, server_default=""),
    PrimaryKeyConstraint("id", name="token_pk"),
    Index("token_digest", "digest", unique=True),
    Index("token_name", "login", "name", unique=True),
)

announcement = Table(
    "announcement",
    metadata,
    Column("kind", Words, nullable=False),
    Column("cluster", Words, nullable=False),
    Column("text", Words, nullable=False),
    Column("level", Words, nullable=False),
    Column("until", Moment),
    Column("by", Words, nullable=False),
    Column("at", Moment, nullable=False),
    PrimaryKeyConstraint("kind", "cluster", name="announcement_pk"),
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

# Who wants to be told what of a session, one row for each way.
wish = Table(
    "wish",
    metadata,
    Column("session", Words, nullable=False),
    Column("login", Words, nullable=False),
    Column("channel", Words, nullable=False),
    Column("target", Words, nullable=False),
    Column("occasions", Json, nullable=False),
    PrimaryKeyConstraint("session", "login", "channel", name="wish_pk"),
    ForeignKeyConstraint(["session"], ["session.id"], name="wish_session_fk", ondelete="CASCADE"),
)

# Letters: one for each event, person and way, whoever asks how often. `due_at` NULL: sent or given up.
outbox = Table(
    "outbox",
    metadata,
    Column("id", Integer, nullable=False),
    Column("event", Integer, nullable=False),
    Column("session", Words, nullable=False),
    Column("login", Words, nullable=False),
    Column("channel", Words, nullable=False),
    Column("target", Words, nullable=False),
    Column("occasion", Words, nullable=False),
    Column("params", Json, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("due_at", Moment),
    Column("tries", Integer, nullable=False),
    Column("sent", Integer, nullable=False),
    PrimaryKeyConstraint("id", name="outbox_pk"),
    ForeignKeyConstraint(["session"], ["session.id"], name="outbox_session_fk", ondelete="CASCADE"),
    Index("outbox_once", "event", "login", "channel", unique=True),
    Index("outbox_due", "due_at", sqlite_where=text("due_at IS NOT NULL")),
    sqlite_autoincrement=True,
)

# The last event of which letters were made; one row.
outbox_read = Table("outbox_read", metadata, Column("event", Integer, nullable=False))
