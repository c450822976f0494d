"""Slurm's commands, fakes: one program under many names that reads and changes a JSON file. Run as `python slurm_commands.py
NAME DIRECTORY ARGUMENTS…`; standard library only, so that it starts in milliseconds. See slurm.py for who drives it.
"""

import fcntl
import json
import os
import re
import sys
import time
from typing import Any, NoReturn

State = dict[str, Any]
STATE = "state.json"
CALLS = "calls"  # one line of JSON for each call: those who only read must not write all jobs again
LETTERS = {
    "A": "JobID",
    "T": "State",
    "r": "Reason",
    "V": "SubmitTime",
    "S": "StartTime",
    "e": "EndTime",
    "l": "TimeLimit",
    "U": "UserID",
    "N": "NodeList",
    "B": "BatchHost",
    "P": "Partition",
    "Q": "PriorityLong",
    "k": "Comment",
    "j": "Name",
}
_WRITERS = {"sbatch", "scancel", "scontrol"}
_LIVE = {"PENDING", "RUNNING", "SUSPENDED", "COMPLETING", "REQUEUED"}


def main(name: str, directory: str, arguments: list[str]) -> None:
    """Act as the command `name`: first what the state says that it shall do wrong, then its work."""
    with open(os.path.join(directory, "lock"), "w") as lock:  # noqa: PTH123, PTH118 - its import costs a third of the start
        fcntl.flock(lock, fcntl.LOCK_EX)
        path = os.path.join(directory, STATE)  # noqa: PTH118
        with open(path) as file:  # noqa: PTH123
            state: State = json.load(file)
        with open(os.path.join(directory, CALLS), "a") as calls:  # noqa: PTH123, PTH118
            calls.write(json.dumps([name, *arguments]) + "\n")
        fault: dict[str, Any] = next((one for one in state["faults"] if one["command"] in {name, "*"}), {})
        if fault.get("times"):
            fault["times"] -= 1
            if not fault["times"]:
                state["faults"].remove(fault)
        try:
            said = COMMANDS[name](state, arguments) if not fault or fault.get("act") else ""
        finally:
            if name in _WRITERS or fault.get("times") is not None:
                with open(path + ".new", "w") as file:  # noqa: PTH123
                    json.dump(state, file)
                os.rename(path + ".new", path)  # noqa: PTH104
    time.sleep(fault.get("seconds", 0))
    if fault:
        sys.stdout.write(fault.get("stdout", ""))
        sys.stderr.write(fault.get("stderr", ""))
        raise SystemExit(fault.get("exit_code", 1))
    sys.stdout.write(said)


def fail(words: str, code: int = 1) -> NoReturn:
    """End as a command does that was understood and refused."""
    sys.stderr.write(words + "\n")
    raise SystemExit(code)


def options(arguments: list[str]) -> dict[str, str]:
    """`--name=value` and `-O value` as a table."""
    found, rest = {}, list(arguments)
    while rest:
        word = rest.pop(0)
        if word.startswith("--"):
            name, _, value = word[2:].partition("=")
            found[name] = value
        elif word in {"-O", "-o"}:
            found[word[1:]] = rest.pop(0)
    return found


def sbatch(state: State, arguments: list[str]) -> str:
    """Take a job in."""
    asked = options(arguments)
    script = sys.stdin.read()
    if not script.startswith("#!"):
        fail("sbatch: error: This does not look like a batch script.")
    number = str(state["next"])
    state["next"] += 1
    limit = int(asked.get("time", "60")) * 60
    state["jobs"][number] = {
        "JobID": number,
        "State": "PENDING",
        "Reason": "Priority",
        "RestartCnt": "0",
        "SubmitTime": str(int(time.time())),
        "StartTime": "N/A",
        "EndTime": "N/A",
        "TimeLimit": f"{limit // 60}:00",
        "UserID": str(os.geteuid()),
        "NodeList": "",
        "BatchHost": "n/a",
        "Partition": asked.get("partition", "main"),
        "PriorityLong": "100",
        "exit_code": "0",
        "Comment": asked.get("comment", "") if state["keeps_comment"] else "(null)",
        "Name": asked["job-name"] if state["keeps_name"] else "job",
        "script": script,
        "arguments": arguments,
    }
    return number + "\n"


def squeue(state: State, arguments: list[str]) -> str:
    """List jobs, field by field."""
    asked = options(arguments)
    rows = [job for job in state["jobs"].values() if not job.get("forgotten")]
    if asked.get("jobs"):
        wanted = set(asked["jobs"].split(","))
        rows = [job for job in rows if job["JobID"] in wanted]
        if not rows and len(wanted) == 1:
            fail("slurm_load_jobs error: Invalid job id specified")
    elif "all" not in asked:
        rows = [job for job in rows if not job.get("hidden")]
    if "o" in asked:
        return "".join(_spelled(asked["o"], job) + "\n" for job in rows)
    fields = [re.match(r"(\w+):(.*)", one, re.DOTALL) for one in asked["O"].split(",")]
    if state["old"]:
        sys.stderr.write("squeue: error: Invalid job format specification: RestartCnt\n")
        fields = [found for found in fields if found and found[1] != "RestartCnt"]
    return "".join("".join(job[found[1]] + found[2] for found in fields if found) + "\n" for job in rows)


def _spelled(letters: str, job: dict[str, str]) -> str:
    return re.sub("%([A-Za-z])", lambda letter: job[LETTERS[letter[1]]], letters)


def sacct(state: State, arguments: list[str]) -> str:
    """List what accounting has: every job, also those that the controller forgot."""
    if not state["accounting"]:
        fail("Slurm accounting storage is disabled")
    asked = options(arguments)
    names = {"JobIDRaw": "JobID", "Submit": "SubmitTime", "Start": "StartTime", "End": "EndTime", "UID": "UserID"}
    names |= {"Timelimit": "TimeLimit", "JobName": "Name"}
    wanted = set(asked["jobs"].split(",")) if asked.get("jobs") else None
    text = ""
    for job in state["jobs"].values():
        if (wanted is not None and job["JobID"] not in wanted) or job.get("unaccounted"):
            continue
        raw = int(job["exit_code"])
        by = f" by {job['by']}" if job["State"] == "CANCELLED" and "by" in job else ""
        shown = {**job, "ExitCode": f"{raw >> 8}:{raw & 0x7F}", "State": job["State"] + by}
        text += "".join(shown[names.get(field, field)] + asked["delimiter"] for field in asked["format"].split(",")) + "\n"
    return text


def scontrol(state: State, arguments: list[str]) -> str:
    """`show config`, `show job ID` and `update JobId=… TimeLimit=…`."""
    words = [word for word in arguments if not word.startswith("--")]
    if words[:2] == ["show", "config"]:
        kind = "accounting_storage/slurmdbd" if state["accounting"] else "accounting_storage/none"
        return f"AccountingStorageType = {kind}\nPrivateData             = {state['private']}\nSlurmUser = slurm(64030)\n"
    if words[:2] == ["show", "job"]:
        job = state["jobs"].get(words[2])
        if job is None or job.get("forgotten"):
            fail("slurm_load_jobs error: Invalid job id specified")
        raw = int(job["exit_code"])
        return (
            f"JobId={job['JobID']} JobName={job['Name']} UserId=someone({job['UserID']}) Restarts={job['RestartCnt']} "
            f"JobState={job['State']} Reason={job['Reason']} ExitCode={raw >> 8}:{raw & 0x7F} TimeLimit={job['TimeLimit']} "
            f"SubmitTime={job['SubmitTime']} StartTime={job['StartTime']} EndTime={job['EndTime']} "
            f"NodeList={job['NodeList'] or '(null)'} BatchHost={job['BatchHost']} Comment={job['Comment']} \n"
        )
    change = dict(word.split("=", 1) for word in words[1:])
    if not state["operator"]:
        fail(f"Access/permission denied for job {change['JobId']}")
    state["jobs"][change["JobId"]]["TimeLimit"] = f"{change['TimeLimit']}:00"
    return ""


def scancel(state: State, arguments: list[str]) -> str:
    """End a job: a waiting one at once, a running one when the test says that it has."""
    job = state["jobs"].get(arguments[-1])
    if job is not None and job["State"] in _LIVE:
        if state["stubborn"] and job["State"] == "RUNNING":
            job["State"] = "COMPLETING"
        else:
            job |= {"State": "CANCELLED", "EndTime": str(int(time.time())), "by": str(os.geteuid())}
    return ""


def sinfo(_state: State, arguments: list[str]) -> str:
    """The nodes' addresses: all are this machine."""
    asked = options(arguments)
    fields = [one.partition(":") for one in asked["O"].split(",")]
    line = {"NodeAddr": "127.0.0.1"}
    return "".join(
        "".join({**line, "NodeList": node}[name] + separator for name, _, separator in fields) + "\n"
        for node in asked["nodes"].split(",")
    )


def sacctmgr(state: State, _arguments: list[str]) -> str:
    """The reader's rights."""
    return ("Operator" if state["operator"] else "None") + "\n"


COMMANDS = {
    "sbatch": sbatch,
    "squeue": squeue,
    "sacct": sacct,
    "scontrol": scontrol,
    "scancel": scancel,
    "sinfo": sinfo,
    "sacctmgr": sacctmgr,
}

if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
