"""Details for support: what a help desk needs of a session, without words and without secrets."""

from armchair.domain.run import Record
from armchair.sessions.portal import Portal


def facts(portal: Portal, record: Record) -> list[tuple[str, str]]:
    """Names and values; what is empty is left out."""
    session, run = record.session, record.run
    outcome = run.outcome
    pairs = [
        ("session", f"#{session.number} {session.id}"),
        ("portal", portal.instance),
        ("application", f"{session.app} {session.app_version}"),
        ("owner", session.owner),
        ("cluster", session.cluster),
        ("partition", session.placement.partition),
        ("account", session.placement.account),
        ("qos", session.placement.qos),
        ("reservation", session.placement.reservation),
        ("job", run.job.id if run.job else ""),
        ("waits for", run.reason),
        ("attempt", str(run.attempt)),
        ("phase", record.phase.value),
        ("node", run.node),
        ("host", f"{run.host or ''}:{run.port or ''}".strip(":")),
        ("created", session.created_at.isoformat(timespec="seconds")),
        ("ready", run.ready_at.isoformat(timespec="seconds") if run.ready_at else ""),
        ("outcome", f"{outcome.kind.value} by {outcome.by.value} {outcome.detail}".strip() if outcome else ""),
        ("exit code", str(outcome.exit_code) if outcome and outcome.exit_code is not None else ""),
        ("signal", str(outcome.signal) if outcome and outcome.signal is not None else ""),
        ("ended", outcome.at.isoformat(timespec="seconds") if outcome else ""),
    ]
    return [(name, value) for name, value in pairs if value]
