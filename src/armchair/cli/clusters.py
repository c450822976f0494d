"""`armchair cluster`: the clusters, how busy one is, what may be used there, and one's jobs."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from armchair.cli.connection import connect
from armchair.cli.output import Json, note, print_json, say, table

_GIB = 2**30


def add(app: typer.Typer) -> None:
    """Add the command."""
    app.command("cluster")(cluster)


def cluster(
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="A cluster's name; left out: list them.")] = "",
    as_json: Json = False,
) -> None:
    """Show how busy a cluster is, what you may use there, and your jobs, also those that were not started here."""
    with connect() as client:
        if not name:
            found = client.clusters()
            if as_json:
                print_json({"clusters": found})
            else:
                table(("NAME", "STATE"), [(one["name"], _state(one)) for one in found])
            return
        one = client.cluster(name)
    if as_json:
        print_json(dict(one))
        return
    if one["partitions"] is None:
        note("Its scheduler has not answered yet." if one["queue"] else "It has no queue: sessions start at once.")
    else:
        table(
            ("PARTITION", "FREE CORES", "FREE MEMORY", "FREE GPUS", "RUNNING", "WAITING"), [_load(p) for p in one["partitions"]]
        )
    if one["offer"] is not None and not one["offer"]["known"]:
        note("You have no group account there, so it takes no jobs from you.")
    elif one["offer"] is not None and one["offer"]["accounts"]:
        names = [account["name"] + (" (default)" if account["default"] else "") for account in one["offer"]["accounts"]]
        say(f"Group accounts: {', '.join(names)}")
    if one["jobs"]:
        table(("JOB", "NAME", "STATE", "PARTITION", "WHY IT WAITS"), [_job(job) for job in one["jobs"]])


def _state(one: Mapping[str, Any]) -> str:
    if one["silent_since"]:
        return f"gives no answer since {one['silent_since']}"
    return "with a queue" if one["queue"] else "starts at once"


def _load(one: Mapping[str, Any]) -> tuple[str, ...]:
    def part(usage: Mapping[str, int], unit: int = 1) -> str:
        return f"{usage['free'] // unit} of {usage['total'] // unit}" if usage["total"] else "-"

    name = one["name"] if one["up"] else f"{one['name']} (closed)"
    memory = f"{part(one['memory'], _GIB)} GB" if one["memory"]["total"] else "-"
    return name, part(one["cores"]), memory, part(one["gpus"]), str(one["running"]), str(one["waiting"])


def _job(job: Mapping[str, Any]) -> tuple[str, ...]:
    return job["id"], job["name"], job["state"].lower(), job["partition"], job["reason_text"]
