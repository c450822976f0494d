"""How sessions are searched and sorted, the same for the database and for the fake: by folded text."""

import unicodedata
from collections.abc import Sequence

from armchair.domain.session import Session

_LONGEST = 500
_MOST_WORDS = 20


def fold(text: str) -> str:
    """Text as it is compared: compatible characters made one, case ignored; NUL and lone surrogates replaced."""
    # SQLite's LIKE takes a NUL for the end of the pattern
    clean = text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", clean).casefold())


def search_text(session: Session) -> str:
    """What a search looks through, besides "#number": a line for each text, so that no word spans two."""
    return "\n".join((fold(session.title), fold(session.app_title), fold(session.app)))


def words(query: str) -> Sequence[str]:
    """The words of a search; each must be found, be it in a text or in "#number". What is absurdly long is cut."""
    return fold(query[:_LONGEST]).split()[:_MOST_WORDS]
