"""gettext: English is the source text; a catalogue in `locale/` replaces it for the reader's language."""

import functools
import gettext as _gettext
from contextvars import ContextVar
from pathlib import Path

DOMAIN = "armchair"
DIRECTORY = Path(__file__).parent / "locale"

language: ContextVar[str] = ContextVar("language", default="en")


@functools.cache
def _catalogue(code: str) -> _gettext.NullTranslations:
    return _gettext.translation(DOMAIN, DIRECTORY, [code], fallback=True)


def gettext(text: str) -> str:
    """The text in the language of this request."""
    return _catalogue(language.get()).gettext(text)


def ngettext(one: str, many: str, number: int) -> str:
    """The text for this number in the language of this request."""
    return _catalogue(language.get()).ngettext(one, many, number)


def mark(text: str) -> str:
    """Marks a text that stands in a table for extraction; `gettext` is called where it is used."""
    return text
