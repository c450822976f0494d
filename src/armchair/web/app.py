"""The web application of a portal: pages with the API, and what it answers on sessions' own hosts."""

from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Route

from armchair.sessions.portal import Portal
from armchair.web import api, assets, problems, security, system
from armchair.web.middleware import BodyLimit, ByHost, SecurityHeaders
from armchair.web.pages import (
    account,
    admin,
    applications,
    cluster,
    host,
    lasting,
    launch,
    login,
    screen,
    sessions,
    telling,
    thumbnails,
)

MAX_FORM = 256 * 1024


def create_web(portal: Portal) -> FastAPI:
    """Everything that browsers and API clients reach: by Host the portal's routes, or a session's `/.armchair/*`."""
    app = FastAPI(title="Armchair", docs_url=None, redoc_url=None, openapi_url="/api/v1/openapi.json")
    app.include_router(api.router(portal))
    for room in (login, sessions, lasting, telling, thumbnails, applications, launch, cluster, admin, account, system):
        app.include_router(room.router(portal))
    app.router.routes.append(Route("/.armchair/static/{name}", assets.serve))
    problems.install(app, portal)
    app.add_middleware(GZipMiddleware, minimum_size=1024, compresslevel=5)
    app.add_middleware(BodyLimit, limit=MAX_FORM)
    app.add_middleware(ByHost, names=portal.names, session_app=_create_session_host(portal))
    app.add_middleware(SecurityHeaders, headers=security.HEADERS)
    return app


def _create_session_host(portal: Portal) -> FastAPI:
    """What the portal answers on a session's own host."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(host.router(portal))
    app.include_router(screen.router(portal))
    app.include_router(thumbnails.host_router(portal))
    app.router.routes.append(Route("/.armchair/static/{name}", assets.serve))
    problems.install(app, portal)
    return app
