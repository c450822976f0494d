"""Writes the reference pages that follow from the code, beside itself. With --check: says which are old."""
# ruff: noqa: INP001 - a script beside what it writes, not part of the package

import inspect
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
from armchair.words import errors, fielderrors, findings, outcomes, reasons

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
        "`<home>` is `~/.local/state/armchair`, unless `--home` or `ARMCHAIR_HOME` says otherwise; a site's file is",
        "`/etc/armchair/armchair.toml`. The portal reads it when it starts. `armchair config show` prints each value and where",
        "it came from. A key that does not exist is an error.\n",
        "Lists are written as `a,b` or as JSON in the environment; durations have a unit: `30s`, `10m`, `4h`, `7d`.\n",
    ]
    section = ""
    for key, field in known_keys():
        head, _, name = key.rpartition(".")
        if head != section:
            section = head
            lines.append(f"## [{section}]\n" if section else "## [clusters.NAME]\n")
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
        lines += [
            f"- `{_name(one)}`: {getattr(one, 'help', '') or ''}{_usual(one)}" for one in command.params if one.name != "help"
        ]
        lines.append("")
    return _HEAD + "\n".join(lines)


def _name(parameter: Any) -> str:
    if isinstance(parameter, typer.core.TyperOption):
        return " ".join([*parameter.opts, *([parameter.metavar] if parameter.metavar else [])])
    return str(parameter.metavar or parameter.name).upper()


def _usual(parameter: Any) -> str:
    """What an option is when it is left out, where that is more than nothing."""
    value = None if isinstance(parameter.default, bool) else parameter.default
    return f" Default: `{value:g}`." if isinstance(value, float) else f" Default: `{value}`." if value else ""


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
        "Every request but `/health` carries `Authorization: Bearer TOKEN`, of the page *Account* or `armchair token create`.",
        "A `reference` in a path is a session's id or its number.\n",
        'An error has the body `{"error": {"code", "message", "params", "fields", "reference"}}` (see Problem below);',
        "`code` is stable, and `reference` finds an unforeseen error in the portal's log.\n",
    ]
    for path, methods in description["paths"].items():
        for method, route in methods.items():
            lines += [f"## {method.upper()} {path}\n", f"{route['summary']}.\n"]
            if route.get("description"):
                lines.append(f"{route['description']}\n")
            lines += [_parameter(one) for one in route.get("parameters", [])]
            lines += _bodies(route)
            lines.append("")
    lines.append("# Bodies\n")
    for name, schema in description["components"]["schemas"].items():
        lines += [f"## {name}\n", f"{schema.get('description', '')}\n"]
        lines += [f"- `{key}`: {_type(one)}{_text(one)}" for key, one in schema.get("properties", {}).items()]
        lines.append("")
    return _HEAD + "\n".join(lines)


def _parameter(one: Mapping[str, Any]) -> str:
    """A part of the path or of the query, with its type."""
    schema = one.get("schema", {})
    return f"- `{one['name']}` ({one['in']}): {' or '.join(schema.get('enum', ())) or _type(schema)}{_text(one)}"


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
        "Codes are stable; texts are made from them. The API gives both, the log and metrics the code.",
        "⟨…⟩ stands for what is filled in, like *your group physics* for ⟨group⟩.\n",
        *_table(("state", "what is going on", "what to do"), STATES, "While a session lives"),
        *_reasons(),
        *_endings(),
        *_table(CODES, ((code, *texts) for code, texts in sorted(errors.ERRORS.items())), "Errors"),
        *_table(("code", "message"), fielderrors.FIELDS.items(), "Beside a field"),
        *_table(("message", "what more it says"), _on_screen(), "Around a graphical program"),
        *_table(("status", "body", "what it is"), GATEWAY, "From the gateway itself"),
        *_table(CODES, COMMAND_LINE, "On the command line"),
        *_doctors(),
    ]
    return _HEAD + "\n".join(lines)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], title: str = "") -> Iterator[str]:
    """One table, with a heading where it is a section of its own. What is in a column "code" is shown as code."""
    if title:
        yield f"## {title}\n"
    yield f"| {' | '.join(heads)} |"
    yield "|" + "---|" * len(heads)
    for first, *others in rows:
        yield f"| {' | '.join([f'`{first}`' if heads[0] == 'code' else _plain(first), *map(_plain, others)])} |"
    yield ""


def _endings() -> Iterator[str]:
    """How runs end: each kind with all that it may say, and then the details."""
    asked = Resources(cores=4, memory=16 * 2**30, walltime=timedelta(hours=4))
    kinds = []
    for kind in OutcomeKind:
        for more in VARIANTS.get(kind, ({},)):
            line = words.outcome(Outcome(**{"kind": kind, "by": By.SYSTEM, "at": EPOCH, **more}), asked)
            kinds.append((f"`{kind.value}`", f"{line.stem}.", line.detail))
    yield from _table(("outcome", "message", "what to do"), kinds, "How a session ended")
    yield "With a detail:\n"
    yield from _table(CODES, ((code, f"{text}.", advice) for code, (text, advice) in outcomes.DETAILS.items()))


def _on_screen() -> Iterator[tuple[str, str]]:
    """What the page around a graphical program says of the connection, the clipboard and files; labels are left out."""
    said = words.screen()
    for name, text in said.items():
        more = " / ".join(said[one] for one in (f"{name}_more", f"{name}_wait") if one in said)
        if more:
            yield text, more
        elif text.endswith(".") and not name.endswith(("_more", "_wait")):
            first, _, rest = text.partition(". ")
            yield f"{first}." if rest else first, rest


def _doctors() -> Iterator[str]:
    """What `armchair doctor` finds wrong on a cluster, a node or this machine."""
    rows = ((code, bad, cure) for code, (_, bad, cure) in findings.FINDINGS.items())
    yield from _table(("code", "what is not well", "what to do"), rows, "From the doctor")
    yield f"⟨how⟩ is one of: it {'; '.join(findings.HOW.values())}.\n"
    yield "`armchair setup --check` and `armchair app check` print a cure with each finding themselves."


def _reasons() -> Iterator[str]:
    """The codes for which a scheduler lets a job wait."""
    yield "## Why it waits\n"
    yield "The scheduler's code (`squeue`'s REASON) is in the API as `reason`. A sentence that begins with"
    yield "*This can't start* means: never as it was asked for. A code that is not in the tables is shown as it is."
    yield "What stands beside the sizes before a start is in [How honest the queue is](../explanation/queue.md).\n"
    yield from _table(CODES, ((code, text, advice) for code, (text, advice, _) in reasons.PLAIN.items()))
    yield "Limits of group accounts (`Assoc…`) and of QOS (`QOS…`, `Max…PerAccount`) come for many resources:"
    yield "CPU, memory, nodes, GRES (GPUs), licences, burst buffers, energy, billing, jobs and time.\n"
    examples = {reasons.family(code): code for code in REASON_EXAMPLES}
    rows = ((f"`{examples[name]}`", text, advice) for name, (text, advice, _) in reasons.FAMILIES.items())
    yield from _table(("codes such as", "message", "what to do"), rows)


def _plain(text: str) -> str:
    """Placeholders as words in angle brackets: %(app)s → ⟨app⟩."""
    return re.sub(r"%\((\w+)\)[sd]", r"⟨\1⟩", text).replace("%%", "%")


REASON_EXAMPLES = (
    *("AssocGrpCpuLimit", "AssocGrpJobsLimit", "AssocMaxJobsLimit", "AssocGrpCPUMinutesLimit", "AssocGrpCPURunMinutesLimit"),
    *("QOSGrpCpuLimit", "QOSGrpJobsLimit", "QOSGrpCPUMinutesLimit", "QOSGrpCPURunMinutesLimit", "QOSMaxCpuPerUserLimit"),
    *("QOSMaxJobsPerUserLimit", "MaxCpuRunMinsPerUser", "MaxCpuPerAccount", "MaxJobsPerAccount", "MaxCpuRunMinsPerAccount"),
    *("AssocMaxCpuPerJobLimit", "QOSMaxCpuPerJobLimit", "AssocMaxWallDurationPerJobLimit", "QOSMaxWallDurationPerJobLimit"),
    *("AssocMaxCpuMinutesPerJobLimit", "QOSMinCpuNotSatisfied"),
)
CODES = ("code", "message", "what to do")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# of each kind of end all that it may say
VARIANTS: Mapping[OutcomeKind, Sequence[Mapping[str, Any]]] = {
    OutcomeKind.FINISHED: ({"exit_code": 0}, {"exit_code": 0, "detail": "before_ready"}),
    OutcomeKind.FAILED: ({"exit_code": 1}, {"signal": 9}, {"exit_code": 1, "detail": "before_ready"}),
    OutcomeKind.CANCELLED: tuple({"by": by} for by in By),
}
STATES = (
    (
        "Asking the cluster for a place… / Asking for a place to run…",
        "The request is stored; the scheduler (or, without a queue, the launcher) has not answered yet.",
        "Wait a moment.",
    ),
    (
        (
            "Waiting for the cluster's controller, which has not answered since …. / Waiting for the launcher, which gives no"
            " answer since …."
        ),
        "It is silent. Your request is kept, and sent when it answers.",
        "Nothing; or End, which is remembered too.",
    ),
    ("Waiting for its turn.", "The job is queued, and no reason is given.", "Wait; you may close the page."),
    ("Expected start … (in about …).", "The scheduler's own guess. It moves when others end early or are put first.", "Wait."),
    ("It is expected to start any moment.", "The scheduler's own guess is now.", "Wait."),
    ("The cluster gives no estimate yet.", "The scheduler plans only for jobs near the head of the queue.", "Wait."),
    (
        "Starting on … / Starting on this machine…",
        "The job runs and the application is being started.",
        "Wait; the page says how long it usually takes.",
    ),
    (
        "Still starting after …",
        "It takes longer than usual. Nothing ends only for being slow.",
        "Look at the log on the session's page; End it if the log shows a mistake.",
    ),
    ("Ready", "The application answers.", "Join."),
    (
        "Ready · … left. Then it ends. Save your work.",
        "Its time is over soon.",
        "Save; Extend gives more time where the site and the cluster allow it.",
    ),
    (
        "Nobody has used this for …. It ends at … unless somebody uses or keeps it.",
        "The site, or you, wanted sessions to end that nobody uses.",
        "Join, or Keep it: it then has the whole time again.",
    ),
    (
        "The cluster has paused this since …. It goes on by itself, as it was.",
        "The scheduler has suspended the job, as for one with priority. Its time stands still.",
        "Wait; only the cluster lets it go on.",
    ),
    (
        "… has not been heard of for … / The session's agent has not been heard of for …",
        "The session's agent has not reported for 40 seconds: the network, or the portal was away. The session may well run.",
        "Try Join; wait. It is not ended for this.",
    ),
    ("Ending…", "The application gets time to tidy up before it is stopped.", "Wait; this takes seconds."),
    (
        (
            "The cluster's controller has not answered since …. It is asked again."
            " / The launcher gives no answer since …. It is asked again."
        ),
        "The wish to end it is stored, and carried out as soon as there is an answer.",
        "Nothing.",
    ),
    (
        "It has ended. Finding out why…",
        "The job has ended, and it has not been said yet how.",
        "Wait up to a minute.",
    ),
)
GATEWAY = (
    (
        "401",
        '`{"error": "ticket", …}`',
        "The way in is missing, over, revoked or another session's. Programs get a new one by `armchair open --cookie-jar`.",
    ),
    (
        "400",
        '`{"error": "ticket", "why": "several"}`',
        "Two tickets came along, so none counts. Delete the cookies of this session's host.",
    ),
    (
        "400, 405, 411, 413",
        "none or `bad_request`",
        "What the gateway does not pass on, such as odd characters.",
    ),
    (
        "403",
        '`{"error": "refused", …}`',
        "Another page asked for this in your name (`cross_site`), or the request did not say which page it is from (`origin`).",
    ),
    ("421", '`{"error": "unknown_host", …}`', "The portal has no such host name. Check the address, and the proxy in front."),
    ("429", '`{"error": "too_many", …}`', "To agents alone: too many requests from one node. They try again."),
    ("431", '`{"error": "too_large", …}`', "The cookies of this host are too long. Delete them in the browser and join again."),
    ("503", "*The portal does not answer.*", "Sessions go on. The page looks again every three seconds."),
)
COMMAND_LINE = (
    (
        "no_portal",
        "No portal was started here yet.",
        "Start one with `armchair serve`, or set `ARMCHAIR_URL` and `ARMCHAIR_TOKEN`.",
    ),
    (
        "portal_away",
        "The portal at ⟨url⟩ does not answer (⟨reason⟩).",
        "`armchair serve` starts it; sessions go on without it.",
    ),
    (
        "not_the_api",
        "⟨url⟩ answered ⟨status⟩, but not as Armchair does.",
        "Is `ARMCHAIR_URL` the portal's address?",
    ),
    (
        "display_away",
        "The session's display can't be reached (⟨reason⟩).",
        "Try again; look at the session's page. With `--ssh`: may you log in to the node?",
    ),
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
