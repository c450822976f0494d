"""Templates into answers: the Jinja environment, its few filters, and what every page needs to know."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from armchair import words
from armchair.accounts.actor import Actor
from armchair.domain import lasting
from armchair.domain.run import OutcomeKind, Phase, Record, UsageSample
from armchair.sessions.admin import is_operator
from armchair.sessions.announcements import board
from armchair.sessions.portal import Portal
from armchair.sessions.show import SessionView
from armchair.web.assets import asset
from armchair.web.security import form_token

THEMES = ("system", "light", "dark")
THEME_COOKIE = "armchair-theme"


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    # newstyle: {% trans %} and _() escape what they are filled with
    made.install_gettext_callables(words._, words.ngettext, newstyle=True)  # type: ignore[attr-defined]  # added by the extension
    made.globals.update(
        asset=asset, words=words, Phase=Phase, ends_at=lasting.ends_at, place=place, is_wrong_size=is_wrong_size
    )
    made.filters.update(moment=moment, spark=spark)
    return made


def moment(when: datetime, now: datetime) -> Markup:
    """A time as relative text that the page keeps fresh, with the absolute one in its title."""
    iso = when.astimezone(UTC).isoformat(timespec="seconds")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(iso, words.clock(when, now), words.ago(when, now))


def place(record: Record) -> str:
    """Where a session runs or is to run: "cluster/partition · node", as far as it is known."""
    session, node = record.session, record.run.node
    where = "/".join(part for part in (session.cluster, session.placement.partition) if part)
    return " · ".join(part for part in (where, node) if part)


def is_wrong_size(view: SessionView) -> bool:
    """Whether its size or place is what keeps a session from ever running: changing that is then the thing to do."""
    run, session = view.record.run, view.record.session
    if run.outcome is not None:
        return run.outcome.kind is OutcomeKind.REJECTED
    if view.phase is not Phase.QUEUED or not run.reason:
        return False
    return words.why(run.reason, words.Waiting(placement=session.placement, resources=session.resources)).never


def spark(samples: tuple[UsageSample, ...], field: str, limit: float) -> str:
    """The points of an 80 by 20 polyline of the last samples against `limit`; "" when there are fewer than two."""
    shown = samples[-40:]
    if len(shown) < 2 or limit <= 0:
        return ""
    step = 80 / (len(shown) - 1)
    heights = (min(1.0, getattr(sample, field) / limit) for sample in shown)
    return " ".join(f"{index * step:.1f},{19 - height * 18:.1f}" for index, height in enumerate(heights))


_pages = _environment()


def render(portal: Portal, request: Request, name: str, params: Mapping[str, Any], status: int = 200) -> Response:
    """The template as an HTML answer."""
    return HTMLResponse(text(portal, request, name, params), status)


def text(portal: Portal, request: Request, name: str, params: Mapping[str, Any]) -> str:
    """The template as text, with what every page needs."""
    cookie = request.cookies.get(portal.names.login_cookie, "")
    theme = request.cookies.get(THEME_COOKIE, "system")
    actor: Actor | None = getattr(request.state, "actor", None)
    common: dict[str, Any] = {
        "site": portal.site_name,
        "program": portal.program,
        "actor": actor,
        "csrf": form_token(cookie) if cookie else "",
        "theme": theme if theme in THEMES else "system",
        "path": request.url.path,
        "now": portal.clock.now(),
        "queues": (queues := [name for name in portal.launchers if portal.scheduler(name) is not None]),
        "local": not queues and len(portal.launchers) < 2,
        "banner": board(portal).banner,
        "operator": is_operator(actor),
        "portal_url": portal.names.portal_url,
    }
    return _pages.get_template(name).render({**common, **params})
