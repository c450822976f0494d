"""API: the clusters, what they offer, how busy they are, and what a launch form may choose."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from armchair.accounts.actor import Actor, Scope
from armchair.domain.session import Placement
from armchair.sessions import clusters as use
from armchair.sessions.choose import choices
from armchair.sessions.launch import LaunchRequest
from armchair.sessions.portal import Portal
from armchair.web.api.access import caller
from armchair.web.api.cluster_models import ChoicesJson, ClusterJson, ClustersJson
from armchair.web.api.present_clusters import choices_json, cluster_json, row_json

_Name = Annotated[str, Query(max_length=200, description="A name. Empty: the usual one.")]
_Number = Annotated[str, Query(max_length=64, description="As one types it: 8, 16 GB, 4h. Empty: the size's.")]


def add(router: APIRouter, portal: Portal) -> None:
    """Add the routes."""
    read, forms = caller(portal, Scope.SESSIONS_READ), caller(portal, Scope.APPS_READ)

    @router.get("/clusters", tags=["clusters"], summary="List the clusters", dependencies=[Depends(read)])
    async def list_clusters() -> ClustersJson:
        return ClustersJson(clusters=[row_json(row) for row in use.rows(portal)])

    @router.get("/clusters/{name}", tags=["clusters"], summary="One cluster: what it offers, how busy it is, your jobs there")
    async def get_cluster(name: str, actor: Annotated[Actor, Depends(read)]) -> ClusterJson:
        """Your jobs are all that wait or run, also those that were not started here. Answers are shared and seconds old."""
        return cluster_json(await use.view(portal, actor.login, name))

    @router.get("/applications/{name}/choices", tags=["clusters"], summary="Sizes and places for a half-filled wish")
    async def get_choices(  # noqa: PLR0913 - one parameter for each part of the query
        name: str,
        actor: Annotated[Actor, Depends(forms)],
        *,
        cluster: _Name = "",
        size: _Name = "",
        partition: _Name = "",
        account: _Name = "",
        qos: _Name = "",
        reservation: _Name = "",
        gpu_type: _Name = "",
        cores: _Number = "",
        memory: _Number = "",
        walltime: _Number = "",
        gpus: _Number = "",
    ) -> ChoicesJson:
        """When each size would start, or why it can't. It never waits: estimates that are not known yet are `asking`."""
        wish = LaunchRequest(
            app=name,
            size=size,
            cluster=cluster,
            placement=Placement(partition=partition, account=account, qos=qos, reservation=reservation, gpu_type=gpu_type),
            resources={"cores": cores, "memory": memory, "walltime": walltime, "gpus": gpus},
            answers={},
            launch_key="",
        )
        return choices_json(await choices(portal, actor.login, portal.catalogue.get(name), wish))
