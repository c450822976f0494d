"""The built front-end files: their hashed names, and serving them with their gzip twins."""

import json
from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response

STATIC = Path(__file__).parent / "static"
_TYPES = {".js": "text/javascript", ".css": "text/css", ".woff2": "font/woff2", ".txt": "text/plain"}
_FOR_EVER = "public, max-age=31536000, immutable"


@cache
def _manifest() -> dict[str, str]:
    found: dict[str, str] = json.loads((STATIC / "manifest.json").read_text("utf-8"))
    return found


def asset(name: str) -> str:
    """The path of a built file by its plain name ("app.js"). Raises KeyError for one that was not built."""
    return f"/.armchair/static/{_manifest()[name]}"


async def serve(request: Request) -> Response:
    """One built file. Only names that the build made exist; a name holds its content's hash, so it may be kept for ever."""
    name = str(request.path_params["name"])
    path = STATIC / name
    if name != Path(name).name or path.suffix not in _TYPES or not path.is_file():
        return PlainTextResponse("not found", 404)
    headers = {"Cache-Control": _FOR_EVER, "Vary": "Accept-Encoding"}
    packed = path.with_name(f"{name}.gz")
    if "gzip" in request.headers.get("accept-encoding", "") and packed.is_file():
        return FileResponse(packed, media_type=_TYPES[path.suffix], headers={**headers, "Content-Encoding": "gzip"})
    return FileResponse(path, media_type=_TYPES[path.suffix], headers=headers)
