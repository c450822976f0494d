"""The end of a job's time on the real cluster: Slurm's own signal, its refusal to give people more, and an operator's word."""

from datetime import datetime

import pytest

from armchair.client.errors import ApiError
from armchair.testing.processes import eventually
from cluster.rig import Cluster

from .slurm_portal import SlurmPortal  # noqa: TID252 - one folder's own


def codes(portal: SlurmPortal, session: str) -> list[str]:
    return [event["code"] for event in portal.client.timeline(session)]


def test_slurms_signal_warns_and_ends_nothing(slurm: Cluster, portal: SlurmPortal) -> None:
    session = portal.launch("hello")
    job = portal.job(session.id)
    assert "end.near" not in codes(portal, session.id)
    # the portal is away: what the agent then says comes from Slurm's signal alone
    slurm.run(["scontrol", "update", f"JobId={job}", "TimeLimit=2"])
    portal.see(session.id, lambda one: "ends_soon" in one.data["overlays"], "the end is near", 30)
    eventually(lambda: "end.near" in codes(portal, session.id), "it is warned")
    slurm.run(["scancel", "--batch", "--signal=USR1", job])
    assert portal.get(session.id)[0] == 200, "a warning is no stop"
    assert codes(portal, session.id).count("end.near") == 1
    slurm.run(["scontrol", "update", f"JobId={job}", "TimeLimit=120"])
    portal.see(session.id, lambda one: "ends_soon" not in one.data["overlays"], "an operator gave more time", 30)


def test_slurm_gives_people_no_more_time_and_that_is_known_and_said(portal: SlurmPortal) -> None:
    session = portal.launch("hello")
    # known from accounting before anybody tries
    portal.see(session.id, lambda one: "extend" not in one.data["actions"], "it is not offered", 30)
    assert "extend.asked" not in codes(portal, session.id)
    with pytest.raises(ApiError) as no:
        portal.client.extend(session.id, 3600)
    assert no.value.code == "extend_operators_only", (str(no.value), portal.said())
    assert "operators" in str(no.value)
    after = portal.client.session(session.id)
    assert "extend" not in after.data["actions"]
    assert codes(portal, session.id)[-2:] == ["extend.asked", "extend.refused"]


def test_the_time_left_is_the_schedulers(slurm: Cluster, portal: SlurmPortal) -> None:
    session = portal.launch("hello")
    before = datetime.fromisoformat(session.data["ends_at"])
    slurm.run(["scontrol", "update", f"JobId={portal.job(session.id)}", "TimeLimit=+30"])
    found = portal.see(session.id, lambda one: datetime.fromisoformat(one.data["ends_at"]) > before, "the end has moved", 30)
    assert 1700 < (datetime.fromisoformat(found.data["ends_at"]) - before).total_seconds() < 1900
