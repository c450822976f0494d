"""Makes the API's JSON of domain objects."""

from datetime import timedelta

from armchair.accounts.actor import Actor
from armchair.accounts.logins import Token
from armchair.domain.application import Application, Size
from armchair.domain.errors import DefinitionProblem, NotFound
from armchair.domain.event import Event
from armchair.domain.forms.fields import Field
from armchair.domain.run import Outcome, Record
from armchair.domain.session import Placement, Resources
from armchair.sessions.portal import Portal
from armchair.sessions.show import SessionView, view
from armchair.web.api import speech
from armchair.web.api.models import (
    ActorJson,
    ApplicationJson,
    EventJson,
    FieldJson,
    IdleJson,
    MissingJson,
    OutcomeJson,
    PlacementJson,
    ProblemJson,
    ResourcesJson,
    SessionJson,
    SizeJson,
    StateJson,
    ThumbnailJson,
    TokenJson,
    UsedJson,
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
        cluster=session.cluster,
        placement=placement_json(session.placement),
        answers=dict(session.answers),
        owner=session.owner,
        phase=seen.phase.value,
        overlays=sorted(overlay.value for overlay in seen.overlays),
        state=StateJson(title=title, detail=detail),
        url=portal.names.session_url(session.id, _start_path(portal, session.app)),
        join_url=portal.names.portal_url(f"/sessions/{session.id}/join"),
        display=seen.display.value if seen.display is not None else "",
        created_at=session.created_at,
        ready_at=run.ready_at,
        ends_at=seen.ends_at,
        idle_ends_at=run.idle_ends_at if run.outcome is None else None,
        idle=IdleJson(
            after=_seconds(seen.idle_after), site=_seconds(seen.idle_limit), chosen=_seconds(record.session.idle_after)
        ),
        extend_by=_seconds(seen.extend_by),
        used=UsedJson(cpu=round(seen.used.cpu, 2), memory=seen.used.memory, gpu=seen.used.gpu) if seen.used else None,
        outcome=_outcome_json(run.outcome, record) if run.outcome else None,
        thumbnail=_thumbnail_json(portal, seen),
        reason=run.reason,
        expected_start=run.expected_start,
        position=run.position,
        host=run.host,
        node=run.node,
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
        clusters=list(application.clusters),
        missing=[MissingJson(what=one.what, cure=one.cure) for one in application.missing],
        unseen=list(application.unseen),
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


def placement_json(placement: Placement) -> PlacementJson:
    """Where on a cluster."""
    return PlacementJson(
        partition=placement.partition,
        account=placement.account,
        qos=placement.qos,
        reservation=placement.reservation,
        gpu_type=placement.gpu_type,
    )


def placement_of(wish: PlacementJson) -> Placement:
    """The same, from a request."""
    return Placement(**wish.model_dump())


def resources_json(resources: Resources) -> ResourcesJson:
    """What a run may use."""
    return ResourcesJson(
        cores=resources.cores,
        memory=resources.memory,
        walltime=_seconds(resources.walltime),
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


def _outcome_json(outcome: Outcome, record: Record) -> OutcomeJson:
    return OutcomeJson(
        kind=outcome.kind.value,
        by=outcome.by.value,
        at=outcome.at,
        exit_code=outcome.exit_code,
        signal=outcome.signal,
        detail=outcome.detail,
        text=speech.outcome(outcome, record),
    )


def _thumbnail_json(portal: Portal, seen: SessionView) -> ThumbnailJson | None:
    session = seen.record.session
    if session.thumbnail_at is None:
        return None
    url = portal.names.portal_url(f"/api/v1/sessions/{session.id}/thumbnail?v={seen.thumbnail}")
    return ThumbnailJson(url=url, at=session.thumbnail_at)


def _seconds(span: timedelta | None) -> int | None:
    return None if span is None else int(span.total_seconds())


def _start_path(portal: Portal, app: str) -> str:
    try:
        return portal.catalogue.get(app).start_path
    except NotFound:
        return "/"
