"""Puts the API's routes together under /api/v1."""

from fastapi import APIRouter

from armchair.sessions.portal import Portal
from armchair.web.api import account, admin, applications, clusters, sessions, streams, system, telling, thumbnails
from armchair.web.api.errors import ApiRoute, ErrorBody

PREFIX = "/api/v1"
_ERRORS: dict[int | str, dict[str, object]] = {
    401: {"model": ErrorBody, "description": "No token, or not a good one."},
    403: {"model": ErrorBody, "description": "The token's scopes do not allow this."},
    404: {"model": ErrorBody, "description": "It does not exist, or the caller may not know that it does."},
    409: {"model": ErrorBody, "description": "Its present state does not allow this."},
    422: {"model": ErrorBody, "description": "The request has mistakes; `fields` names them all. Nothing was stored."},
    503: {"model": ErrorBody, "description": "A part that is needed does not answer. Ask again."},
    507: {"model": ErrorBody, "description": "The portal's disk is full. Nothing was stored."},
}


def router(portal: Portal) -> APIRouter:
    """The whole API of this portal, to be included in the web application."""
    whole = APIRouter(prefix=PREFIX, route_class=ApiRoute)
    part = APIRouter(route_class=ApiRoute)
    applications.add(part, portal)
    clusters.add(part, portal)
    sessions.add(part, portal)
    telling.add(part, portal)
    thumbnails.add(part, portal)
    streams.add(part, portal)
    account.add(part, portal)
    system.add(part, portal)
    admin.add(part, portal)
    whole.include_router(part, responses=_ERRORS)
    return whole
