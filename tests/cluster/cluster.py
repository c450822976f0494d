#!/usr/bin/env python3
"""A real Slurm cluster on this machine: cluster.py up | down | status | wipe [--instance N]. As root."""

import argparse
import os
import sys
import time
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])  # the package is found by its name, not this file

from cluster.claim import InUse, claim  # noqa: E402
from cluster.layout import INSTANCES  # noqa: E402
from cluster.rig import Cluster  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("up", "down", "status", "wipe"))
    parser.add_argument("--instance", type=int, default=0, choices=INSTANCES, help="several clusters can live side by side")
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        print("This makes network namespaces and starts daemons: run it as root.", file=sys.stderr)
        return 1
    cluster = Cluster(arguments.instance)
    if arguments.what == "status":
        print(cluster.status())
        return 0
    try:
        with claim(cluster.layout):
            change(cluster, arguments.what)
    except InUse as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def change(cluster: Cluster, what: str) -> None:
    if what != "up":
        getattr(cluster, what)()
        return
    began = time.monotonic()
    cluster.up()
    print(f"The cluster is up after {time.monotonic() - began:.1f} s. Speak with it after:")
    print(f"  export SLURM_CONF={cluster.conf}")


if __name__ == "__main__":
    sys.exit(main())
