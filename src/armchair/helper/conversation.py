"""A login with PAM, prompt by prompt: passwords, one-time codes, a new password for an expired one, whatever is asked.

PAM blocks, so each conversation has a thread of its own, which waits in PAM's callback for the answers.
"""

import asyncio
import contextlib
import queue
import secrets
import threading
import time
from collections.abc import Sequence
from ctypes import POINTER, c_char_p, cast, sizeof
from dataclasses import dataclass
from typing import Any

import pamela  # type: ignore[import-untyped]

from armchair.domain.secret import Secret

MOST_AT_ONCE = 200
PATIENCE = 180.0  # seconds in which a prompt must be answered
SILENCE = 50.0  # seconds that PAM may think
LONGEST_ANSWER = 511  # bytes: PAM_MAX_RESP_SIZE with its end; modules may hold no more
_NEW_PASSWORD_NEEDED = 12  # PAM_NEW_AUTHTOK_REQD
_CHANGE_EXPIRED = 0x20  # PAM_CHANGE_EXPIRED_AUTHTOK
_CONVERSATION_ERROR = 19
_CODES = {
    6: "login_refused",  # PAM_PERM_DENIED
    7: "login_wrong",  # PAM_AUTH_ERR
    10: "login_wrong",  # PAM_USER_UNKNOWN: told as a wrong password
    8: "login_wrong",
    9: "login_unavailable",  # PAM_AUTHINFO_UNAVAIL
    11: "login_wrong",  # PAM_MAXTRIES
    13: "login_account_over",  # PAM_ACCT_EXPIRED
    19: "login_given_up",
    20: "password_not_changed",  # PAM_AUTHTOK_ERR
    21: "password_not_changed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """One question of PAM's. `secret`: the answer is not to be shown while it is typed."""

    text: str
    secret: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What comes next: questions to be answered, or (`over`) the end; `problem` "" means that PAM is satisfied."""

    prompts: Sequence[Prompt] = ()
    messages: Sequence[str] = ()
    over: bool = False
    problem: str = ""


class Conversation:
    """One login. `login` and `address` are what it counts under, once it is `counted`."""

    def __init__(self, service: str, login: str, address: str, *, user: str = "") -> None:
        """`user` is whom PAM is asked about, where that is not the login."""
        self.login, self.address = login, address
        self._user = user or login
        self.id = secrets.token_urlsafe(24)
        self.touched = time.monotonic()
        self.counted = False
        self.asks = False  # whether a question was told and not yet answered
        self._service = service
        self._loop = asyncio.get_running_loop()
        self._turns: asyncio.Queue[Turn] = asyncio.Queue()
        self._answers: queue.Queue[Sequence[Secret] | None] = queue.Queue()
        self._messages: list[str] = []
        self._thread = threading.Thread(target=self._run, daemon=True, name="pam")
        self._thread.start()

    @property
    def goes_on(self) -> bool:
        """Whether PAM still works on it, be it given up or not: nobody can hurry a module that waits for its server."""
        return self._thread.is_alive()

    async def next(self) -> Turn:
        """What PAM says next; that it can't be asked, when it says nothing in time."""
        try:
            async with asyncio.timeout(SILENCE):
                return await self._turns.get()
        except TimeoutError:
            self.give_up()
            return Turn(over=True, problem="login_unavailable")

    def answer(self, answers: Sequence[Secret]) -> None:
        """Give the answers to the last turn's prompts."""
        self.touched = time.monotonic()
        self._answers.put(answers)

    def give_up(self) -> None:
        """Nobody is there any more: PAM is told so, and the thread ends."""
        self._answers.put(None)

    def _run(self) -> None:
        try:
            problem = self._login()
        except pamela.PAMError as error:
            problem = _CODES.get(error.errno or 0, "login_refused")
        except Exception:  # noqa: BLE001 - the edge of a thread: whoever waits must hear of it
            problem = "login_unavailable"
        messages, self._messages = self._messages, []
        self._say(Turn(messages=messages, over=True, problem=problem))

    def _say(self, turn: Turn) -> None:
        with contextlib.suppress(RuntimeError):  # the helper has ended meanwhile
            self._loop.call_soon_threadsafe(self._turns.put_nowait, turn)

    def _login(self) -> str:
        # kept in a name: PAM calls it until the handle is closed
        callback = pamela.CONV_FUNC(self._converse)
        handle = pamela.pam_start(self._service, self._user, conv_func=callback)
        result = _CONVERSATION_ERROR
        try:
            handle.set_item(pamela.PAM_RHOST, self.address)
            problem, result = self._phases(handle)
        finally:
            pamela.PAM_END(handle, result)
        return problem

    def _phases(self, handle: Any) -> tuple[str, int]:
        """Who is it, may they come in, and a new password where the old one's time is over: what is wrong, and PAM's code."""
        result = pamela.PAM_AUTHENTICATE(handle, 0)
        if result != 0:
            return _CODES.get(result, "login_refused"), result
        result = pamela.PAM_ACCT_MGMT(handle, 0)
        if result == _NEW_PASSWORD_NEEDED:
            result = pamela.PAM_CHAUTHTOK(handle, _CHANGE_EXPIRED)
            if result != 0:
                return "password_over", result
        if result != 0:
            # whatever the code: a stack that ends in pam_deny, as Debian's, tells of a wrong password here too
            return "login_account_over", result
        # a module may have gone on with another name than was asked for: that is somebody else
        return "" if handle.get_item(pamela.PAM_USER) == self._user else "login_refused", result

    def _converse(self, count: int, messages: Any, response: Any, _data: Any) -> int:
        """PAM's callback. What goes wrong in it is told to PAM: an exception would get lost, and be taken for an answer."""
        try:
            return self._questions(count, messages, response)
        except Exception:  # noqa: BLE001 - the edge to C
            return _CONVERSATION_ERROR

    def _questions(self, count: int, messages: Any, response: Any) -> int:
        prompts: list[Prompt] = []
        asked: list[int] = []
        for index in range(count):
            message = messages[index].contents
            text = (cast(message.msg, c_char_p).value or b"").decode("utf-8", "replace").strip()
            if message.msg_style in {pamela.PAM_PROMPT_ECHO_OFF, pamela.PAM_PROMPT_ECHO_ON}:
                prompts.append(Prompt(text=text, secret=message.msg_style == pamela.PAM_PROMPT_ECHO_OFF))
                asked.append(index)
            elif text:
                self._messages.append(text)
        answers = self._ask(prompts) if prompts else []
        if answers is None or len(answers) != len(asked):
            return _CONVERSATION_ERROR
        return _hand_over(response, count, dict(zip(asked, answers, strict=True)))

    def _ask(self, prompts: Sequence[Prompt]) -> Sequence[Secret] | None:
        told, self._messages = self._messages, []
        self._say(Turn(prompts=prompts, messages=told))
        try:
            return self._answers.get(timeout=PATIENCE)
        except queue.Empty:
            return None


def _hand_over(response: Any, count: int, answers: dict[int, Secret]) -> int:
    """Fill PAM's array of answers, one for each message; those to which there is nothing to answer stay empty.

    PAM frees it, so it is memory from C's own allocator.
    """
    texts = {index: answer.reveal().encode() for index, answer in answers.items()}
    response[0] = cast(pamela.CALLOC(count, sizeof(pamela.PamResponse)), POINTER(pamela.PamResponse))
    for index, text in texts.items():
        response[0][index].resp = pamela.STRDUP(text)
        response[0][index].resp_retcode = 0
    return 0
