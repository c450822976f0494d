"""Whatever shape, name, place and cluster somebody asks for: the helper lets the launcher's words through."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from armchair.domain.session import Placement, Resources
from armchair.helper import allowed
from armchair.launchers.slurm import commands, marks, offerparse, overview, questions
from armchair.launchers.slurm.commands import Submission

MARK = "armchair-abc123-0123456789abcdef0123456789abcdef"
NAMES = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.@:+-]{0,40}", fullmatch=True)
MAYBE = st.just("") | NAMES
SEPARATORS = st.sampled_from(["\x1f", "|", "\x1e", "¦"])
COUNTS = st.integers(1, 100_000)
JOBS = st.lists(COUNTS.map(str), max_size=5)
RESOURCES = st.builds(
    Resources,
    cores=st.integers(1, 1000),
    memory=st.none() | st.integers(1, 2**44),
    walltime=st.none() | st.timedeltas(timedelta(seconds=1), timedelta(days=400)),
    gpus=st.integers(0, 16),
)
PLACEMENTS = st.builds(Placement, partition=MAYBE, account=MAYBE, qos=MAYBE, reservation=MAYBE, gpu_type=MAYBE)


def submission(mark: str, name: str, resources: Resources, placement: Placement, **more: object) -> list[str]:
    wanted = Submission(
        name=commands.job_name(name, marks.encode(mark)),
        token=marks.encode(mark),
        resources=resources,
        placement=placement,
        warning=timedelta(seconds=90),
        **more,  # type: ignore[arg-type]  # Submission's
    )
    return commands.submit(wanted, "hpc")


@given(name=st.text(max_size=60), resources=RESOURCES, placement=PLACEMENTS, requeue=st.booleans())
def test_every_submission_of_the_launcher_goes_through(name: str, resources: Resources, placement: Placement, requeue: bool):
    argv = submission(MARK, name, resources, placement, requeue=requeue, extra=("--wckey=web",))
    allowed.submission(argv, MARK, ("--wckey=web",))


@given(resources=RESOURCES, placement=PLACEMENTS, cluster=MAYBE)
def test_every_question_for_a_start_goes_through(resources: Resources, placement: Placement, cluster: str):
    argv = questions.would_start(resources, placement, extra=("--wckey=web",), cluster=cluster)
    allowed.question_of_time(argv, ("--wckey=web",))


@given(job=COUNTS.map(str), walltime=st.timedeltas(timedelta(seconds=1), timedelta(days=400)), cluster=MAYBE)
def test_every_order_of_the_launcher_goes_through(job: str, walltime: timedelta, cluster: str):
    where = [f"--clusters={cluster}"] if cluster else []
    assert allowed.cancellation(commands.cancel(job, cluster)) == (job, where)
    assert allowed.extension(commands.extend(job, walltime, cluster)) == (job, commands.minutes(walltime), where)


@given(separator=SEPARATORS, jobs=JOBS, user=MAYBE, cluster=MAYBE, basic=st.booleans(), nodes=st.lists(NAMES, min_size=1))
def test_every_question_of_the_launcher_goes_through(
    separator: str, jobs: list[str], user: str, cluster: str, basic: bool, nodes: list[str]
):
    since = datetime(2026, 11, 25, 12, 30, tzinfo=UTC)
    asked = [
        commands.queue(separator, jobs, user=user, basic=basic, cluster=cluster),
        commands.accounting(separator, jobs=jobs, user=user, since=since, cluster=cluster),
        commands.show_job("17", cluster),
        commands.show_config(cluster),
        commands.admin_level(user or "armchair-helper"),
        commands.node_addresses(separator, nodes, cluster),
        questions.configuration(cluster),
        questions.all_of("partition", cluster),
        questions.all_of("reservation", cluster),
        questions.nodes(offerparse.NODE_FIELDS, cluster),
        questions.queue(overview.JOB_FIELDS, separator, cluster),
        questions.accounting("qos", offerparse.QOS_FIELDS),
        questions.accounting("user", offerparse.USER_FIELDS),
        questions.accounting("association", offerparse.ASSOCIATION_FIELDS, cluster=cluster),
    ]
    for argv in asked:
        allowed.reading(argv)
