"""Logging in by password: carries the system's questions to the page and the person's answers back, one page a turn."""

from collections.abc import Mapping
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request

from armchair.accounts.logins import Accounts, Login
from armchair.accounts.ports import Admitted, Asked, Question
from armchair.domain.errors import Refused, Unavailable
from armchair.domain.secret import Secret
from armchair.sessions.portal import Portal
from armchair.web.pages.desk import text

_MOST_ANSWERS = 10


class More(Exception):
    """The login is not over: `shown` is what the page shows next, with this status."""

    def __init__(self, shown: Mapping[str, Any], status: int = 200) -> None:
        super().__init__()
        self.shown = dict(shown)
        self.status = status


async def proceed(portal: Portal, accounts: Accounts, request: Request, form: FormData) -> Login:
    """The login that this form completes. Raises More for the next page, also for a wrong password."""
    name = text(form, "login").strip()
    if not name:
        raise More(_page(name, problem=("login", "field_required", {})), 422)
    try:
        turn = await _turn(portal, request, form, name)
    except Refused as refused:
        page = _page(name, problem=("password", refused.code, refused.params))
        said = refused.params.get("messages", ())
        # the system's own words, such as why an account may not come in
        raise More({**page, "messages": said if isinstance(said, list) else ()}, 403) from None
    except Unavailable as silent:
        raise More(_page(name, problem=("login", silent.code, silent.params)), 503) from None
    if isinstance(turn, Admitted):
        return await accounts.admit(turn)
    raise More(_page(name, turn))


async def _turn(portal: Portal, request: Request, form: FormData, name: str) -> Asked | Admitted:
    """Ask the system. The first page has the password beside the name, since nearly every system asks for that first."""
    passwords = portal.passwords
    if passwords is None:
        raise Refused("login_link_unknown")
    conversation = text(form, "conversation")
    if conversation:
        answers = [Secret(str(form.get(f"answer{number}", ""))) for number in range(_count(form))]
        return await passwords.answer(conversation, answers)
    turn = await passwords.begin(name, _address(request))
    one_secret = isinstance(turn, Asked) and [question.secret for question in turn.questions] == [True]
    if isinstance(turn, Asked) and one_secret:
        return await passwords.answer(turn.conversation, [Secret(str(form.get("password", "")))])
    return turn


def _count(form: FormData) -> int:
    return next((number for number in range(_MOST_ANSWERS) if f"answer{number}" not in form), _MOST_ANSWERS)


def _address(request: Request) -> str:
    """Where the browser is, as the gateway says: it alone can set this header."""
    return request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()[:64] or "local"


def _page(
    name: str, asked: Asked | None = None, problem: tuple[str, str, Mapping[str, object]] | None = None
) -> dict[str, Any]:
    questions: tuple[Question, ...] = asked.questions if asked else ()
    return {
        "code": "",
        "passwords": True,
        "login": name,
        "conversation": asked.conversation if asked else "",
        "questions": questions,
        "messages": asked.messages if asked else (),
        "problem": problem,
    }
