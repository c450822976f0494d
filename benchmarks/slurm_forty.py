"""Forty JupyterLabs asked for at once on a Slurm cluster: the portal, `sbatch` by hand, and JupyterHub with batchspawner.

How many become usable, and when the last one does; meanwhile the portal's pages are asked for as by a few readers. Then two
hundred launches of a trivial application at once: how long until all are submitted.

    python benchmarks/slurm_forty.py [--count 40] [--launches 200] [--only PARTY…] [--ahead] [--json FILE]

Needs root, Slurm, and npm for the peer. JupyterLab and the peer are installed at the first run.
"""

import argparse
import contextlib
import json
import os
import statistics
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import httpx

from _hpc import TRIVIAL, Login, Portal, hpc, install_kits, slurm_version
from _jupyterhub import NotStarted, install, jupyterhub
from _parties import JUPYTERLAB, ByPortal, GaveUp, Party, all_gone, by_hand, by_hub
from _stage import header, log_in, machine, p95, versions
from armchair.client import Client
from armchair.client.errors import ClientError

PORTAL, HAND, PEER = "the portal", "sbatch by hand", "JupyterHub"
PATIENCE = 600.0
PAGES = ("/", "/applications", "/cluster", "/applications/jupyterlab")
PAUSE = 0.25
TARGET_RATIO, TARGET_PAGE_MS, TARGET_SUBMITTED = 1.1, 500.0, 15.0


def at_once(party: Party, app: str, count: int) -> dict[str, Any]:
    """Ask for `count` servers in as many threads. Seconds of those that became usable, and the words of those that did not."""
    seconds: list[float] = []
    failures: list[str] = []
    together = threading.Barrier(count)

    def one(_: int) -> None:
        together.wait()
        try:
            seconds.append(party.start(app, PATIENCE).seconds)
        except (GaveUp, NotStarted, ClientError, OSError) as error:
            failures.append(str(error).partition("\n")[0][:120])

    with ThreadPoolExecutor(count) as pool:
        list(pool.map(one, range(count)))
    return {
        "asked": count,
        "usable": len(seconds),
        "first": min(seconds, default=None),
        "median": statistics.median(seconds) if seconds else None,
        "last": max(seconds, default=None),
        "failures": sorted(set(failures))[:3],
        "load_after": os.getloadavg()[0],
    }


class Reader:
    """Asks for the portal's pages one after the other, as a person's browser does who looks around; milliseconds."""

    def __init__(self, portal: Portal) -> None:
        self._client, self._over = log_in(portal), threading.Event()
        self.taken: list[float] = []
        self.failed = 0
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._client.close()

    def _run(self) -> None:
        turn = 0
        while not self._over.wait(PAUSE):
            began = time.perf_counter()
            try:
                good = self._client.get(PAGES[turn % len(PAGES)]).status_code == 200
            except httpx.HTTPError:
                good = False
            self.taken.append((time.perf_counter() - began) * 1000)
            self.failed += not good
            turn += 1


def forty(login: Login, only: list[str], count: int, *, ahead: bool) -> dict[str, Any]:
    """One party after the other, each on a cluster without jobs; one server first, which warms the caches."""
    found: dict[str, Any] = {}
    for name in only:
        with contextlib.ExitStack() as stack:
            party, reader = _party(login, name, stack, ahead=ahead)
            party.end(party.start(JUPYTERLAB, PATIENCE))
            all_gone(login)
            with reader or contextlib.nullcontext():
                found[name] = at_once(party, JUPYTERLAB, count)
            if reader is not None:
                found["pages"] = _pages(reader)
                print(f"pages: {found['pages']}", file=sys.stderr)
            # its servers are ended by the cluster, all at once
            login.cluster.cancel_all()
        print(f"{name}: {found[name]}", file=sys.stderr)
    return found


def _party(login: Login, name: str, stack: contextlib.ExitStack, *, ahead: bool) -> tuple[Party, Reader | None]:
    if name == HAND:
        return stack.enter_context(by_hand(login)), None
    if name == PEER:
        return by_hub(stack.enter_context(jupyterhub(login))), None
    portal = stack.enter_context(login.portal())
    if ahead:
        portal.go_ahead()
    return ByPortal(login=login, portal=portal), Reader(portal)


def _pages(reader: Reader) -> dict[str, float]:
    taken = reader.taken
    shape = {"median_ms": statistics.median(taken), "p95_ms": p95(taken), "longest_ms": max(taken)}
    return {"asked": len(taken), "failed": reader.failed, **shape}


def launches(login: Login, count: int, *, ahead: bool) -> dict[str, Any]:
    """`count` launches of the trivial application at once, all of one person."""
    with login.portal() as portal:
        if ahead:
            portal.go_ahead()
        portal.end(portal.start(TRIVIAL))
        all_gone(login)
        # one client has no more than a hundred connections
        clients = [Client(portal.client.settings) for _ in range(1 + count // 50)]
        together = threading.Barrier(count + 1)

        def one(number: int) -> str:
            together.wait()
            body = {"app": TRIVIAL, "size": "", "answers": {}, "title": ""}
            return clients[number % len(clients)].ask("POST", "/sessions", json=body, timeout=PATIENCE)["id"]

        with ThreadPoolExecutor(count) as pool, Reader(portal) as reader:
            asked = [pool.submit(one, number) for number in range(count)]
            together.wait()
            began, at = time.perf_counter(), datetime.now(UTC)
            sessions = [job.result() for job in asked]
            answered = time.perf_counter() - began
            submitted = [_submitted(portal, session) for session in sessions]
        login.cluster.cancel_all()
        for client in clients:
            client.close()
    return {
        "asked": count,
        "answered": answered,
        "submitted": max((when - at).total_seconds() for when in submitted),
        "pages": _pages(reader),
        "load_after": os.getloadavg()[0],
    }


def _submitted(portal: Portal, session: str) -> datetime:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        for event in portal.client.timeline(session):
            if event["code"] == "job.submitted":
                return datetime.fromisoformat(event["at"])
        time.sleep(0.2)
    raise GaveUp(f"{session} is not submitted")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--count", type=int, default=40)
    options.add_argument("--launches", type=int, default=200)
    options.add_argument("--only", nargs="*", choices=[HAND, PORTAL, PEER], default=[HAND, PORTAL, PEER])
    options.add_argument(
        "--ahead", action="store_true", help="portal and gateway go before the rest, as on a machine of their own"
    )
    options.add_argument("--json", type=Path)
    chosen = options.parse_args()
    install_kits()
    used = versions(slurm=slurm_version(), **(install() if PEER in chosen.only else {}))
    result: dict[str, Any] = {"machine": machine(), "versions": used}
    with hpc() as login:
        result["forty"] = forty(login, chosen.only, chosen.count, ahead=chosen.ahead)
        if chosen.launches:
            result["launches"] = launches(login, chosen.launches, ahead=chosen.ahead)
    print(table(result))
    print(json.dumps(result))
    if chosen.json:
        chosen.json.write_text(json.dumps(result, indent=2) + "\n")


def table(result: dict[str, Any]) -> str:
    """For docs/reference/benchmarks.md."""
    lines = header(result["machine"], result["versions"], "Seconds from asking, all at once; one party after the other.")
    lines += ["| way | usable | first | half of them | last | load afterwards |", "|---|---|---|---|---|---|"]
    forty = result["forty"]
    for name in (HAND, PORTAL, PEER):
        if one := forty.get(name):
            times = " | ".join("-" if one[key] is None else f"{one[key]:.1f}" for key in ("first", "median", "last"))
            lines.append(f"| {name} | {one['usable']} of {one['asked']} | {times} | {one['load_after']:.1f} |")
    lines.append("")
    if HAND in forty and PORTAL in forty and forty[PORTAL]["last"]:
        ratio = forty[PORTAL]["last"] / forty[HAND]["last"]
        lines.append(f"The last by the portal took {ratio:.2f} of the last by hand (aimed at ≤ {TARGET_RATIO}).")
    for name, one in forty.items():
        if one.get("failures"):
            lines.append(f"{name} gave up with: {'; '.join(one['failures'])}")
    for what, pages in (("JupyterLabs", forty.get("pages")), ("launches", result.get("launches", {}).get("pages"))):
        if pages:
            lines.append(
                f"Pages during the {what}: median {pages['median_ms']:.0f} ms, p95 {pages['p95_ms']:.0f} ms, longest "
                f"{pages['longest_ms']:.0f} ms (p95 < {TARGET_PAGE_MS:.0f} aimed at); {pages['asked']} asked for, "
                f"{pages['failed']} failed."
            )
    if many := result.get("launches"):
        lines.append(
            f"{many['asked']} launches at once: all answered after {many['answered']:.1f} s, all submitted after "
            f"{many['submitted']:.1f} s (aimed at < {TARGET_SUBMITTED:.0f})."
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
