"""API: the portal itself: is it there, which one is it, what is not well."""

import os
from collections.abc import Iterator
from itertools import chain

from fastapi import APIRouter, Depends

import armchair
from armchair.accounts.actor import Scope
from armchair.domain.application import Application
from armchair.domain.errors import ArmchairError
from armchair.sessions.portal import Portal
from armchair.web.api import speech
from armchair.web.api.access import caller
from armchair.web.api.models import CheckJson, DoctorJson, HealthJson, StatusJson


def add(router: APIRouter, portal: Portal) -> None:
    """Add the routes."""

    @router.get("/health", tags=["system"], summary="Whether the portal answers; needs no token")
    async def health() -> HealthJson:
        return HealthJson()

    @router.get("/status", tags=["system"], summary="Which portal this is", dependencies=[Depends(caller(portal, Scope.ADMIN))])
    async def status() -> StatusJson:
        return StatusJson(
            version=armchair.__version__,
            instance=portal.instance,
            url=portal.names.portal_url(),
            pid=os.getpid(),
            live_sessions=len(await portal.store.live()),
        )

    @router.get("/doctor", tags=["system"], summary="What is not well", dependencies=[Depends(caller(portal, Scope.ADMIN))])
    async def doctor() -> DoctorJson:
        parts = (_launchers(portal), await _gateway(portal), _applications(portal))
        return DoctorJson(checks=[await _store(portal), *chain(*parts), _account()])


async def _store(portal: Portal) -> CheckJson:
    try:
        live = len(await portal.store.live())
    except ArmchairError as error:
        return CheckJson(name="store", ok=False, detail=speech.error(error.code, error.params))
    return CheckJson(name="store", ok=True, detail=f"answers; {live} sessions are running")


async def _gateway(portal: Portal) -> list[CheckJson]:
    notices = [speech.error(one.code, dict(one.params)) for one in await portal.gateway.notices()]
    return [CheckJson(name="gateway", ok=False, detail=text) for text in notices] or [
        CheckJson(name="gateway", ok=True, detail="has nothing to tell")
    ]


def _launchers(portal: Portal) -> Iterator[CheckJson]:
    if not portal.launchers:
        yield CheckJson(name="launchers", ok=False, detail="There is no launcher.", cure="Look at the portal's log.")
    for name in portal.launchers:
        silent = portal.launcher_states[name].silent_since
        detail = f"gives no answer since {silent:%Y-%m-%d %H:%M:%S} UTC" if silent else "answers"
        yield CheckJson(name=f"launcher {name}", ok=silent is None, detail=detail)


def _unseen(application: Application) -> str:
    return f"can be started where nodes have {', '.join(application.unseen)}" if application.unseen else "can be started"


def _applications(portal: Portal) -> Iterator[CheckJson]:
    for application in portal.catalogue.applications():
        lacks = application.missing
        yield CheckJson(
            name=f"application {application.name}",
            ok=not lacks,
            detail="; ".join(f"{one.what} is missing" for one in lacks) or _unseen(application),
            cure="; ".join(dict.fromkeys(one.cure for one in lacks)),
        )
    for problem in portal.catalogue.problems():
        yield CheckJson(name=f"application file {problem.file}", ok=False, detail=str(problem), cure="Correct the file.")


def _account() -> CheckJson:
    if os.geteuid() == 0:
        return CheckJson(name="account", ok=True, detail="The portal runs as root: every session does too.")
    return CheckJson(name="account", ok=True, detail=f"The portal runs as an ordinary account (uid {os.geteuid()}).")
