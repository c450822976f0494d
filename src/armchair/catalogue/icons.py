"""Whether an icon may be shown inside the portal's pages: an SVG drawing that holds nothing active."""

import re
from pathlib import Path
from xml.parsers import expat

from armchair.catalogue.problems import Report

MAXIMUM_BYTES = 64 * 1024
_DRAWING = frozenset(
    {
        "svg",
        "g",
        "defs",
        "title",
        "desc",
        "path",
        "rect",
        "circle",
        "ellipse",
        "line",
        "polyline",
        "polygon",
        "text",
        "tspan",
        "linearGradient",
        "radialGradient",
        "stop",
        "clipPath",
        "mask",
        "pattern",
        "use",
        "symbol",
    }
)
_OUTSIDE = re.compile(r"(?i)(url\(\s*['\"]?\s*(?!#)|javascript:|data:|https?:|//)")


def check(path: Path, report: Report) -> None:
    """Report what is wrong with this icon: absent, too large, no SVG, or with more than a drawing in it."""
    try:
        with path.open("rb") as file:
            data = file.read(MAXIMUM_BYTES + 1)
    except OSError as error:
        report.add(("icon",), f"The icon can't be read: {error.strerror}.", file=str(path))
        return
    if len(data) > MAXIMUM_BYTES:
        report.add(("icon",), f"The icon is larger than {MAXIMUM_BYTES // 1024} KiB.", file=str(path))
        return
    message = _active(data)
    if message:
        report.add(("icon",), message, file=str(path))


def _refers_outside(key: str, value: str) -> bool:
    if key.endswith("href"):
        return not value.startswith("#")
    return not key.startswith("xmlns") and _OUTSIDE.search(value) is not None


def _active(data: bytes) -> str:
    """A sentence on the first thing that does not belong in an icon; "" when there is none.

    An allow-list: scripts, styles, foreign content, event attributes, references to elsewhere, and entities stay out.
    """
    found: list[str] = []
    depth = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth == 1 and name != "svg":
            found.append("The icon must be an SVG: its outermost element is svg.")
        if name not in _DRAWING:
            found.append(f"The icon must be a plain drawing: the element {name} is not allowed.")
        for key, value in attributes.items():
            if key.lower().startswith("on") or key == "style":
                found.append(f"The icon must be a plain drawing: the attribute {key} is not allowed.")
            elif _refers_outside(key, value):
                found.append("The icon must be a plain drawing: it may refer to parts of itself only.")

    def doctype(*_: object) -> None:
        found.append("The icon must be a plain drawing: a DOCTYPE is not allowed.")

    def end(_: str) -> None:
        nonlocal depth
        depth -= 1

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler, parser.StartDoctypeDeclHandler = start, end, doctype
    parser.ProcessingInstructionHandler = lambda *_: found.append("The icon must hold no processing instruction.")
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        return found[0] if found else f"The icon is not well-formed XML: {expat.ErrorString(error.code)}, line {error.lineno}."
    return found[0] if found else ""
