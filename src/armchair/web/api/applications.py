"""API: the applications that can be started."""

from fastapi import APIRouter, Depends

from armchair.accounts.actor import Scope
from armchair.sessions.portal import Portal
from armchair.web.api.access import caller
from armchair.web.api.models import ApplicationJson, ApplicationsJson
from armchair.web.api.present import application_json, problem_json


def add(router: APIRouter, portal: Portal) -> None:
    """Add the routes."""
    reader = Depends(caller(portal, Scope.APPS_READ))

    @router.get("/applications", tags=["applications"], summary="List all applications", dependencies=[reader])
    async def list_applications() -> ApplicationsJson:
        return ApplicationsJson(
            applications=[application_json(one) for one in portal.catalogue.applications()],
            problems=[problem_json(one) for one in portal.catalogue.problems()],
        )

    @router.get("/applications/{name}", tags=["applications"], summary="One application with its form", dependencies=[reader])
    async def get_application(name: str) -> ApplicationJson:
        return application_json(portal.catalogue.get(name))
