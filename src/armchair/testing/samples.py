"""Sessions, runs and people for tests, with every fact filled in or with as few as possible."""

from datetime import timedelta

from armchair.domain.run import (
    JobRef,
    JobState,
    Outcome,
    OutcomeKind,
    ProcessEnd,
    Record,
    Run,
    UsageSample,
)
from armchair.domain.secret import Secret
from armchair.domain.session import By, Kind, Placement, Resources, Session, Wanted
from armchair.testing.clock import START

HOSTILE = "Ünï \"quotes\" 'n' $(id) `id` %_\\ <b>\n\t🪑 \x00 \x1b[31m"


def some_session(session: str = "s1", **facts: object) -> Record:
    """A session that was just accepted. `facts` are fields of Session."""
    fields: dict[str, object] = {
        "id": session,
        "app": "terminal",
        "title": "Terminal",
        "owner": "ann",
        "run_as": "ann",
        "created_by": "ann",
        "created_at": START,
    }
    whole = Session(**(fields | facts))  # type: ignore[arg-type] # callers name fields of Session
    return Record(session=whole, runs=(Run(session=session, intended_at=START),))


def some_outcome(kind: OutcomeKind = OutcomeKind.FINISHED) -> Outcome:
    """An outcome with every field filled in."""
    return Outcome(kind=kind, by=By.OWNER, at=START, exit_code=3, signal=9, detail="disk_full", params={"path": "/x", "n": 1})


def full_session(session: str = "full") -> Record:
    """A session with every field of it and of its two runs away from its default."""
    later = START + timedelta(microseconds=1)
    whole = Session(
        id=session,
        kind=Kind.BATCH,
        app="jupyter",
        app_version="4.2",
        app_title="JupyterLab",
        title=HOSTILE.replace("\x00", ""),
        owner="ann",
        run_as="svc",
        created_by="ben",
        created_at=later,
        collection="class",
        wanted=Wanted.STOP,
        wanted_by=By.OPERATOR,
        wanted_at=later,
        launch_key="key",
        cluster="big",
        placement=Placement(partition="short", account="genomics", qos="small", reservation="class", gpu_type="a100"),
        mandate=Secret("mandate"),
        size="large",
        resources=Resources(cores=4, memory=2**40, walltime=timedelta(hours=1, microseconds=7), gpus=2),
        answers={"text": HOSTILE, "number": 0.1, "yes": True, "none": None, "list": [1, {"deep": "é"}]},
        environment={"ARMCHAIR_FIELD_TEXT": HOSTILE},
        thumbnail_at=later,
        idle_after=timedelta(hours=2, microseconds=9),
    )
    end = ProcessEnd(at=later, kind=OutcomeKind.OUT_OF_MEMORY, exit_code=1, signal=9, detail="x", params={"message": HOSTILE})
    run = Run(
        session=session,
        intended_at=later,
        job=JobRef(cluster="big", id="77", submitted_at=later),
        job_state=JobState.SUSPENDED,
        job_state_at=later,
        absent_since=later,
        reason="Priority",
        expected_start=later,
        position=3,
        host="10.0.0.7",
        node="node7",
        ends_at=later,
        started_at=later,
        restarts=2,
        enrolled_at=later,
        enrol_nonce="ab" * 32,
        port=50123,
        ready_at=later,
        heard_at=later,
        stop_sent_at=later,
        walltime=timedelta(hours=3),
        walltime_wanted=timedelta(hours=4, microseconds=3),
        extensions=2,
        extend_refused="no",
        warned_for=later,
        active_at=later,
        activity_at=later,
        idle_ends_at=later,
        idle_stop_at=later,
        agent_end=end,
        job_end=end,
        refused="no",
        usage=(UsageSample(at=later, cpu=0.25, memory=2**33, gpu=0.5), UsageSample(at=START, cpu=8.0, memory=1)),
        outcome=some_outcome(OutcomeKind.LOST),
    )
    return Record(session=whole, runs=(run, Run(session=session, attempt=2, intended_at=later)))
