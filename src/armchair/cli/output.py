"""What commands print: JSON or text on standard output; complaints and progress on standard error."""

import json
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

FAILED = 1
BAD_INPUT = 2
ENDED_BEFORE_READY = 3
GAVE_UP = 4

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Reference = Annotated[str, typer.Argument(metavar="ID", help="The session's id or number.")]


def print_json(data: Any) -> None:
    """One JSON document on standard output."""
    typer.echo(json.dumps(data, indent=2, ensure_ascii=False, default=str))


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns as wide as what stands in them; plain text, so that it can be cut and searched."""
    clean = [[_line(cell) for cell in row] for row in (headings, *rows)]
    widths = [max(len(row[column]) for row in clean) for column in range(len(headings))]
    for row in clean:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def note(text: str) -> None:
    """A line for the person, beside what the command prints."""
    typer.echo(text, err=True)


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


def _line(text: str) -> str:
    """Text on one line: titles are other people's, and a terminal obeys control characters."""
    return "".join(character if character.isprintable() else " " for character in text)
