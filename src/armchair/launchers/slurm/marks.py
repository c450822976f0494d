"""Marks as words that survive in a job's comment and name, and what a job's comment and name say of its mark."""

import base64
import hashlib
import re

_OURS = re.compile(r"armchair-[A-Za-z0-9]+-[0-9a-f]{32}", re.ASCII)
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", re.ASCII)
_PACKED = re.compile(r"=([A-Za-z0-9_-]{1,340})", re.ASCII)
_DIGEST = re.compile(r"==[0-9a-f]{64}", re.ASCII)
_PACKED_LIMIT = 255


def encode(mark: str) -> str:
    """The mark as one word: itself when it is plain, else packed, and its digest when it is too long for a comment."""
    if _PLAIN.fullmatch(mark):
        return mark
    data = mark.encode("utf-8", "surrogatepass")
    if len(data) > _PACKED_LIMIT:
        return f"=={hashlib.sha256(data).hexdigest()}"
    return "=" + base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def tokens(comment: str, name: str) -> frozenset[str]:
    """All words in a job's comment and name that may be its mark.

    A site's rules may add text to a comment or replace it; the name is the second place, after its last colon.
    """
    found = {word for word in (comment.strip(), name.rpartition(":")[2].strip() if ":" in name else "") if _is_token(word)}
    return frozenset(found | set(_OURS.findall(comment)))


def decode(token: str) -> str:
    """The mark of this word; the word itself when only a digest of the mark was kept."""
    packed = _PACKED.fullmatch(token)
    if packed is None:
        return token
    try:
        text = base64.urlsafe_b64decode(packed[1] + "=" * (-len(packed[1]) % 4)).decode("utf-8", "surrogatepass")
    except ValueError:
        return token
    return text if encode(text) == token else token


def mark_of(comment: str, name: str) -> str:
    """The job's mark; "" when it has none. Where comment and name tell of two, the one that looks like a portal's counts."""
    found = sorted(tokens(comment, name), key=lambda token: (_OURS.fullmatch(token) is None, token != comment.strip(), token))
    return decode(found[0]) if found else ""


def carries(comment: str, name: str, mark: str) -> bool:
    """Whether a job with this comment and name has exactly this mark."""
    return encode(mark) in tokens(comment, name) if mark else False


def is_portals(comment: str, name: str) -> bool:
    """Whether a job with this comment and name is some portal's: people mark their own jobs in other ways."""
    return any(_OURS.fullmatch(token) for token in tokens(comment, name))


def _is_token(word: str) -> bool:
    return any(pattern.fullmatch(word) for pattern in (_PLAIN, _PACKED, _DIGEST))
