"""What a recorded Slurm 22.05 offers, and how seldom it is asked."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from armchair.domain.cluster import Limits, Offer, Usage
from armchair.domain.errors import SchedulerSilent
from armchair.domain.session import Placement, Resources
from armchair.helper import allowed
from armchair.launchers.slurm import offerbuild, offerparse, overview, questions
from armchair.launchers.slurm.offers import QueueDesk
from armchair.launchers.slurm.parse import new_separator
from unit.launchers.slurm_door import Hands, RecordedDoor, recorded

GB = 2**30
MIB = 2**20
THEN = datetime.fromtimestamp(1795634800, UTC)
BOOKS = offerbuild.Books(
    associations=offerparse.associations(recorded("associations")),
    qos=offerparse.qos(recorded("qos")),
    defaults=offerparse.default_accounts(recorded("users")),
    enforced=True,
    limits=True,
)
PLACES = offerbuild.Places(
    partitions=offerparse.partitions(recorded("partitions")),
    nodes=offerparse.nodes(recorded("nodes")),
    reservations=offerparse.reservations(recorded("reservations")),
)
GROUPS = frozenset({"armchair-users"})


def offered(login: str, groups: frozenset[str] | None = GROUPS, books: offerbuild.Books | None = BOOKS) -> Offer:
    return offerbuild.offer("hpc", login, PLACES, books, groups, THEN)


# --- the offer -------------------------------------------------------------------------------------------------------


def test_partitions_have_their_limits_and_largest_nodes() -> None:
    found = {one.name: one for one in offered("armalice").partitions}
    assert list(found) == ["short", "long", "gpu", "scavenge"]
    short, gpu = found["short"], found["gpu"]
    assert (short.default, short.up, short.nodes, short.cores, short.memory) == (True, True, 3, 64, 64000 * MIB)
    assert (short.max_walltime, short.default_walltime) == (timedelta(hours=4), timedelta(minutes=30))
    assert gpu.gpus == {"": 4, "a100": 2, "t4": 2}
    assert short.gpus == {}


def test_accounts_have_the_least_of_all_limits_above_them() -> None:
    genomics, physics = offered("armalice").accounts
    assert (genomics.name, genomics.default, genomics.qos, genomics.default_qos) == (
        "genomics", True, ("normal", "small"), "normal",
    )  # fmt: skip
    assert genomics.limits == Limits(walltime=timedelta(days=1), cores=32, memory=20 * GB, gpus=2)
    assert (physics.name, physics.default, physics.limits) == ("physics", False, Limits())


def test_a_qos_has_its_limits() -> None:
    found = {one.name: one.limits for one in offered("armalice").qos}
    assert found == {"normal": Limits(), "small": Limits(walltime=timedelta(hours=1), cores=4)}


def test_a_partition_lets_in_groups_accounts_and_qos() -> None:
    scavenge = next(one for one in offered("armalice").partitions if one.name == "scavenge")
    assert scavenge.accounts == {"genomics"}
    assert scavenge.qos == {"normal"}
    assert scavenge.limits.cores == 4
    assert "scavenge" not in [one.name for one in offered("armbob").partitions]  # physics is denied
    assert "scavenge" not in [one.name for one in offered("armalice", groups=frozenset({"staff"})).partitions]
    assert "scavenge" in [one.name for one in offered("armalice", groups=None).partitions]


def test_reservations_are_for_those_they_name() -> None:
    alice = {one.name: one.accounts for one in offered("armalice").reservations}
    bob = {one.name: one.accounts for one in offered("armbob").reservations}
    assert alice == {"lab": frozenset({"physics"})}
    assert bob == {"class1": None, "lab": frozenset({"physics"}), "exam": None}
    assert [one.name for one in offered("armcarol").reservations] == ["exam"]  # which keeps out Alice alone


def test_who_has_no_account_is_not_known_where_accounts_are_enforced() -> None:
    assert not offered("armcarol").known
    free = offerbuild.Books(associations=BOOKS.associations, qos=BOOKS.qos, defaults=BOOKS.defaults)
    assert offered("armcarol", books=free).known
    assert offered("armcarol", books=None).known


def test_limits_that_the_site_does_not_enforce_are_none() -> None:
    free = offerbuild.Books(associations=BOOKS.associations, qos=BOOKS.qos, defaults=BOOKS.defaults, enforced=True)
    assert {one.limits for one in offered("armalice", books=free).accounts} == {Limits()}
    assert {one.limits for one in offered("armalice", books=free).qos} == {Limits()}


@pytest.mark.parametrize(("version", "names"), [("22.05.8", {"short"}), ("25.11.2", {"short", "bio"}), ("", {"short"})])
async def test_newer_releases_mean_the_accounts_under_one_too(version: str, names: set[str]) -> None:
    door = RecordedDoor()
    door.answers["config"] = (
        f"SLURM_VERSION = {version}\nClusterName = hpc\nAccountingStorageType = accounting_storage/slurmdbd\n"
    )
    door.answers["associations"] = "life||||||||||||\nlab|||life|||||||||\nlab|ada|||||||normal|normal|||\n"
    door.answers["partitions"] = (
        "PartitionName=short AllowAccounts=ALL State=UP\n"
        "PartitionName=bio AllowAccounts=life State=UP\n"
        "PartitionName=others AllowAccounts=physics State=UP\n"
    )
    desk = QueueDesk(door, name="hpc")
    offer = await desk.offer("ada")
    assert {one.name for one in offer.partitions} == names
    await desk.close()


@pytest.mark.parametrize(
    ("access", "accounts"),
    [
        ("Users=(null) Accounts=life", {"lab"}),
        ("Users=(null) Accounts=lab,physics", {"lab"}),
        ("Users=ada Accounts=life", {"lab"}),
        ("Users=ada Accounts=-physics", {"lab"}),
        ("Users=ada Accounts=physics", None),
        ("Users=bob Accounts=life", None),
        ("Users=bob Accounts=lab", None),
        ("Users=bob Accounts=-physics", None),
        ("Users=ada Accounts=-life", None),
        ("Users=(null) Accounts=physics", None),
        ("Users=-ada Accounts=life", None),
    ],
)
def test_a_reservation_takes_accounts_with_all_under_them_and_who_is_of_both(access: str, accounts: set[str] | None) -> None:
    books = offerbuild.Books(
        associations=offerparse.associations("life||||||||||||\nlab|||life|||||||||\nlab|ada|||||||normal|normal|||\n")
    )
    line = f"ReservationName=class1 StartTime=1795634000 EndTime=1795734000 PartitionName=(null) {access} Groups=(null)\n"
    places = offerbuild.Places(reservations=offerparse.reservations(line))
    found = offerbuild.offer("hpc", "ada", places, books, GROUPS, THEN).reservations
    assert [one.accounts for one in found] == ([] if accounts is None else [accounts])


def test_percentages_are_no_limits_in_cores() -> None:
    """As of Slurm 23.11: 50 with the flag Relative is half of the partition, however large that is."""
    row = "half|DenyOnLimit,Relative|cpu=50|cpu=20,mem=10|gres/gpu=5||cpu=40|08:00:00|3|2|"
    (found,) = offerparse.qos(row)
    assert found.limits == offerparse.Tres()
    assert (found.together, found.each_user) == (offerparse.Tres(jobs=3), offerparse.Tres(jobs=2))
    assert found.walltime == timedelta(hours=8)
    (found,) = offerparse.qos(row.replace(",Relative", ""))
    assert (found.limits.cores, found.each_user.gpus) == (20, 5)


@pytest.mark.parametrize(
    ("text", "gpus"),
    [
        ("gpu:a100:2(S:0-1),gpu:t4:2(S:0)", {"a100": 2, "t4": 2}),
        ("gpu:4", {"": 4}),
        ("gpu:(null):3(IDX:0,2-3)", {"": 3}),
        ("gpu:a100:1(IDX:0),gpu:(null):2(IDX:4-5),shard:(null):0(IDX:N/A)", {"a100": 1, "": 2}),
        ("gpu:a100:3(IDX:0,2-3),shard:12", {"a100": 3}),
        ("(null)", {}),
        ("craynetwork:4,gpu:h100:8", {"h100": 8}),
    ],
)
def test_gpus_are_read_with_and_without_types(text: str, gpus: dict[str, int]) -> None:
    assert offerparse.gpus(text) == gpus


@pytest.mark.parametrize(
    ("text", "tres"),
    [
        ("cpu=4,mem=20G,gres/gpu=2,gres/gpu:a100=1,node=1", offerparse.Tres(cores=4, memory=20 * GB, gpus=2)),
        ("mem=62.50G", offerparse.Tres(memory=62 * GB + GB // 2)),
        ("mem=500", offerparse.Tres(memory=500 * MIB)),
        ("", offerparse.Tres()),
    ],
)
def test_trackable_resources_are_read_with_their_units(text: str, tres: offerparse.Tres) -> None:
    assert offerparse.tres(text) == tres


@given(st.text(alphabet=st.sampled_from("aA=,|:()/-*0189\n +MG\x1f%"), max_size=300))
def test_parsers_never_raise(text: str) -> None:
    for parse in (
        offerparse.partitions, offerparse.nodes, offerparse.reservations, offerparse.qos,
        offerparse.associations, offerparse.default_accounts, offerparse.gpus, offerparse.tres,
    ):  # fmt: skip
        parse(text)
    overview.jobs(text, "|")


# --- how busy --------------------------------------------------------------------------------------------------------


def test_the_overview_counts_what_is_free_used_and_down() -> None:
    queue = overview.jobs(recorded("queue"), "|")
    found = {one.name: one for one in overview.overview("hpc", PLACES.partitions, PLACES.nodes, queue, THEN).partitions}
    short, gpu = found["short"], found["gpu"]
    assert short.nodes == Usage(total=3, used=2, down=1)
    assert short.cores == Usage(total=192, used=128, down=64)
    assert short.cores.free == 0
    assert short.memory == Usage(total=192000 * MIB, used=64000 * MIB, down=64000 * MIB)
    assert (short.running, short.waiting) == (2, 1)
    assert gpu.gpus == Usage(total=4, used=1)
    assert (gpu.cores.free, gpu.running) == (61, 1)


def test_jobs_are_those_of_the_person_with_marks_only_where_they_are_ours() -> None:
    mine = [one.job for one in overview.jobs(recorded("queue"), "|") if one.user == "armalice"]
    assert [(one.id, one.name, one.state, one.reason) for one in mine] == [
        ("6000024", "jupyterlab", "RUNNING", ""),
        ("6000025_[0-3]", "sbatch", "PENDING", "AssocMaxCpuPerJobLimit"),
    ]
    ours, other = mine
    assert ours.mark == "armchair-inst-0123456789abcdef0123456789abcdef"
    assert (ours.cores, ours.memory, ours.gpus, ours.node) == (3, 2 * GB, 1, "gpu1")
    assert (other.mark, other.started_at, other.memory) == ("", None, 30000 * MIB)


# --- how seldom ------------------------------------------------------------------------------------------------------


class Stage:
    def __init__(self) -> None:
        self.door, self.clock = RecordedDoor(), Hands()
        self.desk = QueueDesk(self.door, name="hpc", clock=self.clock, now=lambda: THEN)


async def test_many_viewers_for_five_minutes_cost_what_one_costs() -> None:
    counts = []
    for viewers in (1, 30):
        stage = Stage()
        for _ in range(100):
            stage.clock.time += 3
            for number in range(viewers):
                await stage.desk.offer(f"person{number}")
                await stage.desk.overview()
                await stage.desk.jobs(f"person{number}")
        counts.append(stage.door.calls)
        assert stage.door.calls.total() / 5 <= 12
        assert stage.door.calls["queue"] <= 17
        assert stage.door.calls["partitions"] <= 6
        assert stage.door.calls["associations"] <= 6  # each minute, for the viewers are not in it
    assert counts[1].total() <= counts[0].total() * 1.15  # jitter


async def test_nobody_looks_nothing_is_asked() -> None:
    stage = Stage()
    stage.clock.time += 3600
    assert stage.door.calls.total() == 0


async def test_what_was_known_stays_through_silence_which_is_not_pressed() -> None:
    stage = Stage()
    before = await stage.desk.offer("armalice")
    stage.door.silent = True
    asked = stage.door.calls.total()
    for _ in range(600):
        stage.clock.time += 1
        after = await stage.desk.offer("armalice")
        assert (after.partitions, after.accounts) == (before.partitions, before.accounts)
    # five answers, each tried again after 10, 20, 40, 80, 160 and 300 seconds
    assert stage.door.calls.total() - asked <= 5 * 8


async def test_a_controller_that_never_answered_is_silent_and_accounting_that_never_did_is_no_obstacle() -> None:
    stage = Stage()
    stage.door.silent = True
    with pytest.raises(SchedulerSilent):
        await stage.desk.offer("armalice")
    with pytest.raises(SchedulerSilent):
        await stage.desk.overview()
    other = Stage()
    del other.door.answers["config"]
    other.door.answers["config"] = ""
    found = await other.desk.offer("armcarol")
    assert (found.known, found.accounts) == (True, ())


async def test_somebody_who_was_just_added_is_known_within_a_minute() -> None:
    stage = Stage()
    assert not (await stage.desk.offer("armcarol")).known
    stage.door.answers["associations"] += "physics|armcarol|||||||normal|normal||\n"
    stage.clock.time += 61
    await stage.desk.offer("armcarol")  # begins to read anew
    stage.clock.time += 1
    for _ in range(20):
        found = await stage.desk.offer("armcarol")
    assert found.known


async def test_news_are_told_when_the_queue_was_read() -> None:
    stage, told = Stage(), []
    stage.desk.watch(lambda: told.append(1))
    await stage.desk.overview()
    first = len(told)
    await stage.desk.overview()
    assert len(told) == first
    stage.clock.time += 30
    await stage.desk.overview()
    await stage.desk.overview()
    await stage.desk.overview()
    assert len(told) == first + 1


# --- in site mode ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cluster", ["", "big"])
def test_a_site_s_helper_lets_every_question_through(cluster: str) -> None:
    asked = [
        questions.configuration(cluster),
        questions.all_of("partition", cluster),
        questions.all_of("reservation", cluster),
        questions.nodes(offerparse.NODE_FIELDS, cluster),
        questions.queue(overview.JOB_FIELDS, new_separator(), cluster),
        questions.accounting("qos", offerparse.QOS_FIELDS),
        questions.accounting("user", offerparse.USER_FIELDS),
        questions.accounting("association", offerparse.ASSOCIATION_FIELDS, cluster="big"),
    ]
    for argv in asked:
        allowed.reading(argv)
    whole = Placement(partition="gpu", account="physics", qos="small", reservation="class", gpu_type="a100")
    sized = Resources(cores=4, memory=2**30, walltime=timedelta(hours=4), gpus=2)
    for resources, placement in ((Resources(), Placement()), (sized, whole)):
        allowed.question_of_time(
            questions.would_start(resources, placement, extra=["--wckey=x"], cluster=cluster), ["--wckey=x"]
        )
