"""Says in words what went wrong, with the exit code that it means."""

from dataclasses import dataclass, field

from armchair import words
from armchair.cli.output import BAD_INPUT, FAILED
from armchair.client import ApiError, ClientError, PortalAway
from armchair.client.errors import DisplayAway
from armchair.domain.errors import ArmchairError, BadDefinition, BadSettings, InvalidInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """What to print, and how to end."""

    code: str
    text: str
    exit_code: int = FAILED
    fields: list[dict[str, str]] = field(default_factory=list)


def explain(error: Exception) -> Explained | None:
    """The words for an error that was foreseen; None for any other."""
    if isinstance(error, ClientError):
        return _of_client(error)
    return _of_portal(error) if isinstance(error, ArmchairError) else None


def _of_client(error: ClientError) -> Explained:
    if isinstance(error, ApiError):
        fields = [{"field": one.field, "code": one.code, "message": one.message} for one in error.fields]
        bad = error.status == 422 or error.code == "no_such_application"
        return Explained(code=error.code, text=error.message, exit_code=BAD_INPUT if bad else FAILED, fields=fields)
    if isinstance(error, PortalAway):
        hint = "Start it with `armchair serve`; sessions that run go on without it."
        return Explained(code="portal_away", text=f"{error} {hint}")
    if isinstance(error, DisplayAway):
        return Explained(code="display_away", text=str(error))
    return Explained(code="no_portal", text=str(error))


def _of_portal(error: ArmchairError) -> Explained:
    if isinstance(error, BadSettings):
        return _setting(error)
    if isinstance(error, BadDefinition):
        return Explained(code=error.code, text=str(error), exit_code=BAD_INPUT)
    return Explained(code=error.code, text=_words(error), exit_code=BAD_INPUT if isinstance(error, InvalidInput) else FAILED)


def _setting(error: BadSettings) -> Explained:
    where = " ".join(str(error.params[name]) for name in ("origin", "key") if error.params.get(name))
    return Explained(code=error.code, text=f"{where}: {error.params.get('problem', '')}", exit_code=BAD_INPUT)


def _words(error: ArmchairError) -> str:
    message = words.error(error.code, error.params)
    return " ".join(part for part in (message.title, message.detail) if part)
