"""What only looking at the whole machine shows. Each finding is a sentence about what is wrong, with its cure."""

import grp
import os
import pwd
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from armchair.domain.errors import ArmchairError, BadSettings
from armchair.gatehouse import agents_hosts
from armchair.gateway.keys import AGENTS_NAMES
from armchair.helper.client import HelperClient
from armchair.launchers import command
from armchair.settings import Settings, load
from armchair.setup import hub, trust
from armchair.setup.plan import things
from armchair.setup.site import Finding, Site, hub_of
from armchair.setup.things import Ground

_PROGRAMS = ("sbatch", "scancel", "squeue", "scontrol", "sinfo", "sacct", "sacctmgr")


async def findings(site: Site) -> Sequence[Finding]:
    """Everything that is wrong with this machine as a site's portal; nothing: all is well."""
    ground = Ground()
    with suppress(BadSettings):  # they are a finding of their own
        site = replace(site, hub=hub_of(site, ground.root))
    found = [
        Finding(what=wrong, cure="Run `armchair setup` as root.")
        for wrong in (_safely(thing.wrong, ground) for thing in things(site))
        if wrong
    ]
    found += [*_members(site), *_programs(site), *trust.findings(site.program), *_settings(site)]
    return [*found, *await _sudo_rules(), *await _operator(site), *await _answers(site), *await hub.findings(site)]


def _safely(look: object, ground: Ground) -> str:
    try:
        return str(look(ground))  # type: ignore[operator]
    except OSError as error:
        return f"{error.filename} can't be read: {error.strerror}."


def _members(site: Site) -> Iterator[Finding]:
    """The sudo rule names the group: whoever is in it can be acted for, whatever the helper itself would refuse."""
    try:
        group = grp.getgrnam(site.helper.group)
    except KeyError:
        return
    # sudo counts those whose first group it is too
    members = dict.fromkeys([*group.gr_mem, *(one.pw_name for one in pwd.getpwall() if one.pw_gid == group.gr_gid)])
    if not members:
        what = f"Nobody is in the group {group.gr_name}, so nobody can log in."
        yield Finding(what=what, cure=f"usermod --append --groups {group.gr_name} LOGIN")
    for name in members:
        try:
            uid = pwd.getpwnam(name).pw_uid
        except KeyError:
            continue
        if uid < site.helper.minimum_uid:
            what = f"{name} (uid {uid}) is in the group {group.gr_name}: sudo would let the helper's account act as {name}."
            first = name not in group.gr_mem
            yield Finding(
                what=what, cure=f"usermod --gid GROUP {name}" if first else f"gpasswd --delete {name} {group.gr_name}"
            )


def _programs(site: Site) -> Iterator[Finding]:
    sudo = site.helper.sudo
    if not sudo.exists() or not sudo.stat().st_mode & stat.S_ISUID:
        yield Finding(what=f"{sudo} is no sudo.", cure=f"Install sudo, or name it in {site.helper_file}: sudo = …")
    for name, cluster in site.helper.clusters.items():
        missing = [one for one in _PROGRAMS if not os.access(cluster.bin_directory / one, os.X_OK)]
        if missing:
            what = f"Cluster {name}: {cluster.bin_directory} has no {', '.join(missing)}."
            yield Finding(what=what, cure=f"Install Slurm's commands, or set bin_directory in {site.helper_file}.")


def _settings(site: Site) -> Iterator[Finding]:
    """Both configurations must speak of the same names and clusters."""
    try:
        settings = load(site.home, site.portal_file).settings
        hosts = agents_hosts(settings)
    except BadSettings as error:
        what = f"{site.portal_file}: {error.params.get('key', '')}: {error.params.get('problem', error)}"
        yield Finding(what=what, cure="Correct it there.")
        return
    helper, cure = site.helper, f"Make {site.portal_file} and {site.helper_file} say the same."
    pairs = (
        ("apps_domain", settings.gateway.apps_domain, helper.apps_domain),
        ("the helper's socket", settings.site.helper, str(helper.socket)),
        ("the directory of keys", settings.site.keys, str(helper.web_keys)),
        ("the gateway's directory of keys", settings.gateway.keys_directory, str(helper.gateway_keys)),
        ("the clusters with Slurm", _slurms(settings), {name: one.extra_args for name, one in helper.clusters.items()}),
    )
    for name, ours, theirs in pairs:
        if ours != theirs:
            yield Finding(what=f"Portal and helper disagree about {name}: {ours!r} and {theirs!r}.", cure=cure)
    unnamed = [host for host in hosts if host not in (*AGENTS_NAMES, *helper.agents_names)]
    if unnamed:
        what = f"The certificate that nodes check would not name {', '.join(unnamed)}."
        yield Finding(what=what, cure=f"Add it to agents_names in {site.helper_file}, and restart armchair-helper.")
    if settings.gateway.managed:
        yield Finding(
            what="The portal would start a gateway itself.", cure=f"Set gateway.managed = false in {site.portal_file}."
        )


def _slurms(settings: Settings) -> dict[str, tuple[object, ...]]:
    found = {}
    for name, (launcher, values) in settings.cluster_launchers().items():
        if launcher == "slurm":
            extra = values.get("extra_args", ())
            found[name] = tuple(extra) if isinstance(extra, list | tuple) else ()
    return found


async def _sudo_rules() -> Sequence[Finding]:
    try:
        done = await command.run(["visudo", "-c", "-q"])
    except ArmchairError as error:
        return [Finding(what=f"sudo's rules can't be checked: {error}.", cure="Install sudo.")]
    words = done.stderr.strip() or done.stdout.strip()
    return [Finding(what=f"sudo's rules are not right: {words}", cure="Run visudo -c.")] if done.exit_code else []


async def _operator(site: Site) -> Sequence[Finding]:
    """Without an operator's rights the helper can give no more time, and with PrivateData it does not see jobs."""
    found = []
    for name, cluster in site.helper.clusters.items():
        program = str(cluster.bin_directory / "sacctmgr")
        words = [program, "--noheader", "--parsable2", "--readonly", "show", "user", site.helper.account, "format=adminlevel"]
        environment = {"SLURM_CONF": cluster.slurm_conf} if cluster.slurm_conf else {}
        try:
            level = (await command.run(words, env=environment)).check().stdout.strip()
        except ArmchairError as error:
            cure = "Without accounting (slurmdbd) that is so: sessions can't be extended, and all else works."
            what = f"Cluster {name}: the helper's rights can't be looked up: {_last_words(error)}."
            found.append(Finding(what=what, cure=cure))
            continue
        if level not in {"Operator", "Administrator"}:
            cure = f"sacctmgr -i add user {site.helper.account} account=root adminlevel=Operator"
            found.append(Finding(what=f"Cluster {name}: {site.helper.account} is no operator of Slurm's.", cure=cure))
    return found


def _last_words(error: ArmchairError) -> str:
    """The last line of what a command complained about: the lines before it are how it got there."""
    said = str(error.params.get("stderr", "")).split("\n")
    lines = [line.strip() for line in said if line.strip()]
    return lines[-1].rstrip(".") if lines else str(error)


async def _answers(site: Site) -> Sequence[Finding]:
    try:
        await HelperClient(site.helper.socket).ask("ping", {}, within=5.0)
    except ArmchairError as error:
        cure = f"systemctl enable --now {' '.join(site.services)}, and see journalctl -u armchair-helper"
        return [Finding(what=f"The helper does not answer: {error}.", cure=cure)]
    return []
