"""What is wrong with a site's hub: clusters that need one where there is none, a service left over, one that does not run."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from armchair.domain.errors import BadSettings
from armchair.gateway.hub import service
from armchair.gateway.hub.places import Places
from armchair.launchers.slurm.settings import Reach
from armchair.settings import Settings, load
from armchair.setup.site import Finding, Site


async def findings(site: Site) -> Sequence[Finding]:
    """Each with its cure. Nothing is said of settings that can't be read: whoever asks has found that already."""
    with suppress(BadSettings):
        settings = load(site.home, site.portal_file).settings
        if settings.hub.listen:
            return await _running(site, settings)
        return [*_missing(site, settings), *_left_over(site)]
    return []


def _missing(site: Site, settings: Settings) -> Sequence[Finding]:
    cure = f"Set hub.listen in {site.portal_file}, and run `armchair setup` again."
    return [
        Finding(what=f"Cluster {name}: its agents look for the hub, and there is none.", cure=cure)
        for name, (launcher, values) in settings.cluster_launchers().items()
        if launcher == "slurm" and values.get("reach") == Reach.HUB
    ]


def _left_over(site: Site) -> Sequence[Finding]:
    if not site.hub_unit.exists():
        return []
    what = f"{site.hub_unit} is there, and hub.listen is empty in {site.portal_file}: the service can't start."
    return [Finding(what=what, cure=f"systemctl disable --now armchair-hub; rm {site.hub_unit}")]


async def _running(site: Site, settings: Settings) -> Sequence[Finding]:
    """Whether it runs, and with the settings of now."""
    wanted = _places(site, settings)
    found = await service.ask(wanted)
    if found is None:
        cure = "systemctl enable --now armchair-hub, and see journalctl -u armchair-hub"
        return [Finding(what="The hub does not answer.", cure=cure)]
    if found.get("fingerprint") != wanted.fingerprint:
        cure = "systemctl restart armchair-hub: what it carries is cut, and connects again within seconds."
        return [Finding(what="The hub runs with earlier settings.", cure=cure)]
    return []


def _places(site: Site, settings: Settings) -> Places:
    """As the hub's service has them; nothing is made."""
    gateway = settings.gateway
    runtime = Path(gateway.runtime_directory or site.runtime_directory).absolute()
    return Places.of(settings.hub, gateway, Path(gateway.keys_directory).absolute(), runtime)
