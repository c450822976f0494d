"""Writes the reference pages that follow from the code, beside itself. With --check: says which are old."""
# ruff: noqa: INP001 - a script beside what it writes, not part of the package

import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import typer.core
import typer.main
from fastapi import FastAPI
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from armchair import words
from armchair.cli.main import app
from armchair.domain.run import Outcome, OutcomeKind
from armchair.domain.session import By, Resources
from armchair.sessions.portal import Portal
from armchair.settings import PREFIX, SECTIONS, known_keys, shown
from armchair.web.api import router
from armchair.words import errors, fielderrors, outcomes, reasons

HERE = Path(__file__).parent
_HEAD = "<!-- written by `make docs`; change the code instead -->\n\n"


class _NoPortal:
    """Stands where a portal would: the routes are looked at, never called."""

    def __getattr__(self, name: str) -> None:
        return None


def settings_page() -> str:
    """All settings with defaults, in the order of the file."""
    lines = [
        "# Settings\n",
        "Defaults < `<home>/armchair.toml` (or `armchair serve --config FILE`) < environment < options of `armchair serve`.",
        "`armchair config show` prints each value and where it came from. A key that does not exist is an error.\n",
        "Lists are written as `a,b` or as JSON in the environment; durations have a unit: `30s`, `10m`, `4h`, `7d`.\n",
    ]
    section = ""
    for key, field in known_keys():
        head, _, name = key.rpartition(".")
        if head != section:
            section = head
            lines.append(f"## [{section}]\n")
        lines += _setting(name, key, field)
    lines.append('## [clusters.NAME] with `launcher = "slurm"`\n')
    for name, field in known_keys(SECTIONS["slurm"]):
        lines += _setting(name, f"clusters.NAME.{name}", field)
    return _HEAD + "\n".join(lines)


def _setting(name: str, key: str, field: FieldInfo) -> list[str]:
    default = field.get_default(call_default_factory=True)
    return [
        f"### {name}\n",
        f"{field.description}\n",
        f"Default: `{shown(None if default is PydanticUndefined else default)}`\\",
        f"Environment: `{PREFIX}{key.upper().replace('.', '__')}`\n",
    ]


def cli_page() -> str:
    """All commands with their options."""
    lines = ["# Command line\n", f"{app.info.help}\n"]
    lines += [
        "Exit codes: 0 well · 1 failed · 2 bad input · 3 ended before it was ready · 4 gave up waiting.\n",
        "`ARMCHAIR_URL` and `ARMCHAIR_TOKEN` name another portal; `ARMCHAIR_HOME` another home on this machine.\n",
    ]
    for path, command in _commands(typer.main.get_command(app), "armchair"):
        context = command.make_context(path, [], resilient_parsing=True)
        lines += [f"## {path}\n", f"{inspect.cleandoc(command.help or '')}\n", "```", command.get_usage(context), "```\n"]
        lines += [f"- `{_name(one)}`: {getattr(one, 'help', '') or ''}" for one in command.params if one.name != "help"]
        lines.append("")
    return _HEAD + "\n".join(lines)


def _name(parameter: Any) -> str:
    if isinstance(parameter, typer.core.TyperOption):
        return " ".join(parameter.opts)
    return str(parameter.metavar or parameter.name).upper()


def _commands(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    # typer carries click under a name of its own in some versions: what matters is what a group can do
    below = getattr(command, "commands", None)
    if below is None:
        yield path, command
        return
    for name, one in below.items():
        yield from _commands(one, f"{path} {name}")


def api_page() -> str:
    """All routes with their bodies, from the OpenAPI description."""
    web = FastAPI()
    web.include_router(router(cast("Portal", _NoPortal())))
    description = web.openapi()
    lines = [
        "# API\n",
        "The portal serves this description as OpenAPI at `/api/v1/openapi.json`.",
        "Every request but `/health` carries `Authorization: Bearer TOKEN` (`armchair token create NAME`).\n",
        'An error has the body `{"error": {"code", "message", "params", "fields", "reference"}}` (see Problem below);',
        "`code` is stable, and `reference` finds an unforeseen error in the portal's log.\n",
    ]
    for path, methods in description["paths"].items():
        for method, route in methods.items():
            lines += [f"## {method.upper()} {path}\n", f"{route['summary']}.\n"]
            if route.get("description"):
                lines.append(f"{route['description']}\n")
            lines += [
                f"- `{one['name']}` ({one['in']}): {one.get('description', '')}".rstrip() for one in route.get("parameters", [])
            ]
            lines += _bodies(route)
            lines.append("")
    lines.append("# Bodies\n")
    for name, schema in description["components"]["schemas"].items():
        lines += [f"## {name}\n", f"{schema.get('description', '')}\n"]
        lines += [f"- `{key}`: {_type(one)}{_text(one)}" for key, one in schema.get("properties", {}).items()]
        lines.append("")
    return _HEAD + "\n".join(lines)


def _parameter(one: Mapping[str, Any]) -> str:
    return f"- `{one['name']}` ({one['in']}): {one.get('description', '')}".rstrip()


def _bodies(route: Mapping[str, Any]) -> Iterator[str]:
    body = route.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    if body:
        yield f"- body: {_type(body)}"
    for status, answer in route["responses"].items():
        for kind, content in answer.get("content", {}).items():
            if status.startswith("2"):
                yield f"- {status}: {_type(content.get('schema', {})) if 'json' in kind else kind}"


def _type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return f"[{schema['$ref'].rpartition('/')[2]}](#{schema['$ref'].rpartition('/')[2].lower()})"
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return str(schema.get("format") or schema.get("type") or "any")


def _text(schema: Mapping[str, Any]) -> str:
    return f". {schema['description']}" if schema.get("description") else ""


def messages_page() -> str:
    """What each message means: states, endings and errors, from the same tables that make them."""
    lines = [
        "# What this message means\n",
        "Codes are stable; texts are made from them. The API gives both, the log and metrics the code.\n",
        "## While a session lives\n",
        "| state | what is going on | what to do |",
        "|---|---|---|",
        *(f"| {state} | {meaning} | {todo} |" for state, meaning, todo in STATES),
        "",
        *_reasons(),
        "## How a session ended\n",
        "| outcome | example | what to do |",
        "|---|---|---|",
    ]
    asked = Resources(cores=4, memory=16 * 2**30, walltime=timedelta(hours=4))
    for kind in OutcomeKind:
        by = By.OWNER if kind is OutcomeKind.CANCELLED else By.SYSTEM
        line = words.outcome(Outcome(kind=kind, by=by, at=EPOCH, exit_code=1 if kind is OutcomeKind.FAILED else None), asked)
        lines.append(f"| `{kind.value}` | {line.stem}. | {line.detail} |")
    lines += ["", "With a detail:\n", "| detail | message | what to do |", "|---|---|---|"]
    lines += [f"| `{code}` | {_plain(text)}. | {_plain(advice)} |" for code, (text, advice) in outcomes.DETAILS.items()]
    lines += ["", "## Errors\n", "| code | message | what to do |", "|---|---|---|"]
    lines += [f"| `{code}` | {_plain(text)} | {_plain(advice)} |" for code, (text, advice) in sorted(errors.ERRORS.items())]
    lines += ["", "## Beside a field\n", "| code | message |", "|---|---|"]
    lines += [f"| `{code}` | {_plain(text)} |" for code, text in fielderrors.FIELDS.items()]
    return _HEAD + "\n".join(lines)


def _reasons() -> Iterator[str]:
    """The codes for which a scheduler lets a job wait."""
    yield "## Why it waits\n"
    yield "The scheduler's code (`squeue`'s REASON) is in the API as `reason`. *Never*: it can't start as it was asked for.\n"
    yield "| code | message | what to do |"
    yield "|---|---|---|"
    for code, (text, advice, _) in reasons.PLAIN.items():
        yield f"| `{code}` | {_plain(text)} | {_plain(advice)} |"
    yield ""
    yield "Limits of group accounts (`Assoc…`) and of QOS (`QOS…`, `Max…PerAccount`) come for many resources:"
    yield "CPU, memory, nodes, GRES (GPUs), licences, burst buffers, energy, billing, jobs and time.\n"
    yield "| codes such as | message | what to do |"
    yield "|---|---|---|"
    examples = {reasons.family(code): code for code in REASON_EXAMPLES}
    for name, (text, advice, _) in reasons.FAMILIES.items():
        yield f"| `{examples[name]}` | {_plain(text)} | {_plain(advice)} |"
    yield ""


def _plain(text: str) -> str:
    """Placeholders as words in angle brackets: %(app)s → ⟨app⟩."""
    return re.sub(r"%\((\w+)\)[sd]", r"⟨\1⟩", text)


REASON_EXAMPLES = (
    *("AssocGrpCpuLimit", "AssocGrpJobsLimit", "AssocMaxJobsLimit", "AssocGrpCPUMinutesLimit", "AssocGrpCPURunMinutesLimit"),
    *("QOSGrpCpuLimit", "QOSGrpJobsLimit", "QOSGrpCPUMinutesLimit", "QOSGrpCPURunMinutesLimit", "QOSMaxCpuPerUserLimit"),
    *("QOSMaxJobsPerUserLimit", "MaxCpuRunMinsPerUser", "MaxCpuPerAccount", "MaxJobsPerAccount", "MaxCpuRunMinsPerAccount"),
    *("AssocMaxCpuPerJobLimit", "QOSMaxCpuPerJobLimit", "AssocMaxWallDurationPerJobLimit", "QOSMaxWallDurationPerJobLimit"),
    *("AssocMaxCpuMinutesPerJobLimit", "QOSMinCpuNotSatisfied"),
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
STATES = (
    ("Asking for a place to run…", "The request is stored; the launcher has not answered yet.", "Wait a moment."),
    (
        "Waiting for the launcher, which gives no answer since …",
        "The launcher is silent. Your request is kept and sent when it answers.",
        "Nothing; or End, which is remembered too.",
    ),
    ("Waiting for its turn.", "The job is queued, and its launcher gives no reason.", "Wait; you may close the page."),
    ("Expected start …", "The scheduler's own guess. It moves when others end early or are put first.", "Wait."),
    ("Starting…", "The job runs and the application is being started.", "Wait; the page says how long it usually takes."),
    (
        "Still starting after …",
        "It takes longer than usual. Nothing ends only for being slow.",
        "Look at the log on the session's page; End it if the log shows a mistake.",
    ),
    ("Ready", "The application answers.", "Join."),
    (
        "… has not been heard of for …",
        "The session's agent has not reported for 40 seconds: the network, or the portal was away. The session may well run.",
        "Try Join; wait. It is not ended for this.",
    ),
    ("Ending…", "The application gets time to tidy up before it is stopped.", "Wait; this takes seconds."),
    ("It has ended. Finding out why…", "The job has ended and the launcher has not said how yet.", "Wait up to a minute."),
)
PAGES = {"messages.md": messages_page, "settings.md": settings_page, "cli.md": cli_page, "api.md": api_page}


def main() -> int:
    """Write the pages, or with --check return 1 when one is old."""
    old = []
    for name, make in PAGES.items():
        text = make().rstrip() + "\n"
        path = HERE / name
        if not path.exists() or path.read_text("utf-8") != text:
            old.append(name)
            if "--check" not in sys.argv:
                path.write_text(text, "utf-8")
    if old and "--check" in sys.argv:
        sys.stderr.write(f"These pages do not match the code: {', '.join(old)}. Run `make docs`.\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
