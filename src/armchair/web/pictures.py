"""Answers with pictures that came from somebody's browser."""

from starlette.responses import Response

from armchair.domain.thumbnail import Thumbnail

# whatever the bytes are: a picture of this type or nothing, also when somebody opens the address by itself
_HEADERS = {"Content-Security-Policy": "default-src 'none'; sandbox", "X-Content-Type-Options": "nosniff", "Vary": "Cookie"}
_FOR_EVER = "private, max-age=31536000, immutable"


def picture_answer(picture: Thumbnail, *, keep: bool) -> Response:
    """The picture as what it was recognised as, and as nothing else. `keep`: its address names this version of it."""
    cache = _FOR_EVER if keep else "private, no-cache"
    return Response(picture.body, media_type=picture.format.value, headers={**_HEADERS, "Cache-Control": cache})
