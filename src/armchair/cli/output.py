"""What commands print: JSON or text on standard output; complaints and progress on standard error."""

import json
import re
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

FAILED = 1
BAD_INPUT = 2
ENDED_BEFORE_READY = 3
GAVE_UP = 4

_COLOUR = re.compile(r"(\x1b\[[0-9;:]{0,40}m)")
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_CONTROL = re.compile(r"[\x7f-\x9f]")  # JSON lets these stand, and terminals obey some

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Reference = Annotated[str, typer.Argument(metavar="ID", help="The session's id or number.")]


def print_json(data: Any) -> None:
    """One JSON document on standard output."""
    typer.echo(_CONTROL.sub(lambda one: f"\\u{ord(one[0]):04x}", json.dumps(data, indent=2, ensure_ascii=False, default=str)))


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns as wide as what stands in them; plain text, so that it can be cut and searched."""
    clean = [[one_line(cell) for cell in row] for row in (headings, *rows)]
    widths = [max(len(row[column]) for row in clean) for column in range(len(headings))]
    for row in clean:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def say(text: str) -> None:
    """A line of what the command prints."""
    typer.echo(one_line(text))


def note(text: str) -> None:
    """A line (or more) for the person, beside what the command prints."""
    typer.echo("\n".join(map(one_line, text.split("\n"))), err=True)


def write_log(text: str) -> None:
    """What a program wrote: as it stands, but a terminal gets no orders from it beyond colours, line ends and tabs."""
    if sys.stdout.isatty():
        parts = _COLOUR.split(text)
        parts[::2] = [_FORBIDDEN.sub("\ufffd", part) for part in parts[::2]]
        text = "".join(parts) + ("\x1b[0m" if len(parts) > 1 else "")
    sys.stdout.write(text)
    sys.stdout.flush()


def complain(error: Exception) -> int | None:
    """Explain an error on standard error and return the exit code; None for one that nobody foresaw."""
    # imported here: only a command that failed pays for it
    from armchair.cli.problems import explain  # noqa: PLC0415

    problem = explain(error)
    if problem is None:
        return None
    if "--json" in sys.argv:
        body = {"code": problem.code, "message": problem.text, "fields": problem.fields}
        typer.echo(json.dumps({"error": body}, ensure_ascii=False), err=True)
    else:
        note(f"armchair: {problem.text}")
        for field in problem.fields:
            note(f"  {field['field'] or 'request'}: {field['message']}")
    return problem.exit_code


def one_line(text: str) -> str:
    """Text on one line: titles are other people's, reasons a scheduler's, and a terminal obeys control characters."""
    return "".join(character if character.isprintable() else " " for character in text)
