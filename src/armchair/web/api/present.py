"""Makes the API's JSON of domain objects."""

from datetime import datetime

from armchair.accounts.actor import Actor
from armchair.accounts.logins import Token
from armchair.domain.application import Application, Size
from armchair.domain.errors import DefinitionProblem, NotFound
from armchair.domain.event import Event
from armchair.domain.forms.fields import Field
from armchair.domain.run import Outcome, Record
from armchair.domain.session import Resources
from armchair.sessions.portal import Portal
from armchair.sessions.show import SessionView, view
from armchair.web.api import speech
from armchair.web.api.models import (
    ActorJson,
    ApplicationJson,
    EventJson,
    FieldJson,
    MissingJson,
    OutcomeJson,
    ProblemJson,
    ResourcesJson,
    SessionJson,
    SizeJson,
    StateJson,
    TokenJson,
)


def session_json(portal: Portal, record: Record) -> SessionJson:
    """A session as it stands now."""
    seen = view(portal, record)
    session, run = record.session, record.run
    title, detail = speech.state(seen)
    return SessionJson(
        id=session.id,
        number=session.number,
        title=session.title,
        app=session.app,
        app_title=session.app_title,
        size=session.size,
        resources=resources_json(session.resources),
        answers=dict(session.answers),
        owner=session.owner,
        phase=seen.phase.value,
        overlays=sorted(overlay.value for overlay in seen.overlays),
        state=StateJson(title=title, detail=detail),
        url=portal.names.session_url(session.id, _start_path(portal, session.app)),
        join_url=portal.names.portal_url(f"/sessions/{session.id}/join"),
        created_at=session.created_at,
        ready_at=run.ready_at,
        ends_at=_ends_at(seen),
        outcome=_outcome_json(run.outcome) if run.outcome else None,
        host=run.host,
        actions=sorted(action.value for action in seen.actions),
        version=session.version,
    )


def application_json(application: Application) -> ApplicationJson:
    """An application with its form."""
    return ApplicationJson(
        name=application.name,
        version=application.version,
        title=application.title,
        description=application.description,
        category=application.category,
        type=application.type.value,
        sizes=[_size_json(size) for size in application.sizes],
        fields=[_field_json(field) for field in application.fields],
        missing=[MissingJson(what=one.what, cure=one.cure) for one in application.missing],
    )


def problem_json(problem: DefinitionProblem) -> ProblemJson:
    """A mistake in an application's definition."""
    return ProblemJson(file=problem.file, line=problem.line, key=problem.key, message=problem.message)


def event_json(event: Event) -> EventJson:
    """A line of a timeline."""
    return EventJson(
        id=event.id,
        attempt=event.attempt,
        at=event.at,
        code=event.code,
        params=dict(event.params),
        text=speech.event(event),
    )


def token_json(token: Token) -> TokenJson:
    """A token without its secret."""
    return TokenJson(
        id=token.id,
        name=token.name,
        scopes=sorted(scope.value for scope in token.scopes),
        created_at=token.created_at,
        expires_at=token.expires_at,
    )


def actor_json(actor: Actor) -> ActorJson:
    """Who calls, and what they may do."""
    return ActorJson(
        login=actor.login,
        name=actor.name,
        roles=sorted(role.value for role in actor.roles),
        scopes=sorted(scope.value for scope in actor.scopes),
        expires_at=actor.expires_at,
    )


def resources_json(resources: Resources) -> ResourcesJson:
    """What a run may use."""
    return ResourcesJson(
        cores=resources.cores,
        memory=resources.memory,
        walltime=int(resources.walltime.total_seconds()) if resources.walltime is not None else None,
        gpus=resources.gpus,
        text=speech.resources(resources),
    )


def _size_json(size: Size) -> SizeJson:
    return SizeJson(name=size.name, title=size.title, resources=resources_json(size.resources))


def _field_json(field: Field) -> FieldJson:
    return FieldJson(
        name=field.name,
        label=field.label,
        help=field.help,
        type=field.type.value,
        required=field.required,
        default=field.default,
        minimum=field.minimum,
        maximum=field.maximum,
        step=field.step,
        choices=[choice.value for choice in field.choices],
        show_when={name: list(values) for name, values in field.show_when.items()},
    )


def _outcome_json(outcome: Outcome) -> OutcomeJson:
    return OutcomeJson(
        kind=outcome.kind.value,
        by=outcome.by.value,
        at=outcome.at,
        exit_code=outcome.exit_code,
        signal=outcome.signal,
        detail=outcome.detail,
        text=speech.outcome(outcome),
    )


def _ends_at(seen: SessionView) -> datetime | None:
    run, walltime = seen.record.run, seen.record.session.resources.walltime
    if run.outcome is not None or run.started_at is None or walltime is None:
        return None
    return run.started_at + walltime


def _start_path(portal: Portal, app: str) -> str:
    try:
        return portal.catalogue.get(app).start_path
    except NotFound:
        return "/"
