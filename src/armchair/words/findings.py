"""What the doctor found on a cluster or on this machine: the finding, and the cure when it is none of health."""

from collections.abc import Mapping

from armchair.words.language import gettext, mark

# code: what is well, what is not, what to do then
FINDINGS: dict[str, tuple[str, str, str]] = {
    "launcher": (
        mark("The cluster's settings can be used."),
        mark("The cluster can't be used: %(problem)s"),
        mark("Correct the settings of [clusters.%(cluster)s]."),
    ),
    "keys": (
        mark("The portal's keys are there."),
        mark("The portal's public key of the agents listener can't be read: %(problem)s"),
        mark("Start the portal once (armchair serve), or run this as an account that may read %(path)s."),
    ),
    "controller": (
        mark("The cluster's controller answers (%(seconds)s s)."),
        mark("The cluster's controller gives no answer: %(problem)s"),
        mark("Are Slurm's commands installed here, is munge running, and does this machine belong to the cluster? Try squeue."),
    ),
    "jobs_seen": (
        mark("%(reader)s sees the jobs that it has to see."),
        mark(
            "%(reader)s does not see other people's jobs (PrivateData=jobs), so a job that is not listed can't be called gone."
        ),
        mark("Make %(reader)s an operator: sacctmgr modify user %(reader)s set adminlevel=Operator."),
    ),
    "accounting": (
        mark("There is accounting, so that how a job ended can be asked later too."),
        mark("There is no accounting: how a job ended is known only while the controller remembers it."),
        mark("Raise MinJobAge to an hour or more, or set up slurmdbd."),
    ),
    "address": (
        mark("Agents are told to call %(address)s."),
        mark("Agents are told to call %(address)s, which is this machine only."),
        mark("Set gateway.agents_listen to an address that all nodes can open, for example 0.0.0.0:8443, and agents_names."),
    ),
    "listener": (
        mark("The portal's agents listener answers here."),
        mark("The portal's agents listener at %(address)s does not answer even here: %(problem)s"),
        mark("Start the portal. If it runs, does gateway.agents_names name this address?"),
    ),
    "submit": (
        mark("A job was submitted: %(job)s."),
        mark("The cluster took no job: %(problem)s"),
        mark("Try the same with sbatch: which account, partition or limit does it ask for? `extra_args` adds options."),
    ),
    "started": (
        mark("The job runs on %(node)s."),
        mark("The job has not started within %(seconds)s s (%(reason)s) and was cancelled."),
        mark("Wait longer with --wait, or ask for a small partition with --partition."),
    ),
    "node_address": (
        mark("%(node)s has the address %(host)s."),
        mark("The address of %(node)s can't be found."),
        mark("Does its name lead to an address here (getent hosts)? Set node_address."),
    ),
    "networks": (
        mark("The gateway may connect to %(host)s."),
        mark("The gateway may not connect to %(host)s: gateway.networks is %(networks)s."),
        mark("Add the nodes' network to gateway.networks."),
    ),
    "output": (
        mark("The job's output can be read here."),
        mark("The job has run, and its output can't be read here."),
        mark("Set output_directory to a place that nodes and this machine share, and that %(reader)s can write."),
    ),
    "python": (
        mark("%(node)s has Python %(python)s."),
        mark("%(node)s has no Python 3.6 or newer."),
        mark("Install one on all nodes; Debian's and Red Hat's own (/usr/libexec/platform-python) will do."),
    ),
    "bind": (
        mark("Agents can listen on the node."),
        mark("Agents can't listen on the node: %(problem)s"),
        mark("Correct agent_interface and agent_ports."),
    ),
    "portal": (
        mark("Node → portal: %(address)s answers (%(seconds)s s), and it is the portal."),
        mark("Node → portal: %(address)s %(how)s. %(problem)s"),
        mark("Open that port for the nodes, or say in portal_address_from_nodes where else they reach it."),
    ),
    "hub": (
        mark("Node → hub: %(address)s answers, and it is the portal's."),
        mark("Node → hub: %(address)s %(how)s. %(problem)s"),
        mark("Open that port for the nodes, and see that the hub runs; hub.address says where nodes reach it."),
    ),
    "called": (
        mark("Portal → node: port %(port)s of %(host)s can be reached from here."),
        mark("Portal → node: port %(port)s of %(host)s can't be reached from here: %(problem)s"),
        mark('Open agent_ports from the gateway to the nodes, set node_address, or let agents connect out (reach = "hub").'),
    ),
    "clock": (
        mark("The node's clock is right (%(skew)s s)."),
        mark("The node's clock differs from the portal's by %(skew)s s."),
        mark("Let both keep time (chrony, ntpd): certificates and the order of events depend on it."),
    ),
    "temporary": (
        mark("%(directory)s takes files (%(kind)s, %(free)s free)."),
        mark("%(directory)s takes no files: %(problem)s"),
        mark("Sessions need a place on the node for sockets and keys: /tmp or /dev/shm."),
    ),
    "room": (
        mark("%(directory)s has room."),
        mark("%(directory)s has only %(free)s free."),
        mark("Make room on the node."),
    ),
    "local": (
        mark("%(directory)s is on the node itself."),
        mark("%(directory)s is on a network file system (%(kind)s), where sockets may not work."),
        mark("Set TMPDIR for jobs to a local directory (slurm.conf: TaskProlog, or job_container/tmpfs)."),
    ),
    "executes": (
        mark("Programs in %(directory)s can be started."),
        mark("%(directory)s is mounted noexec: programs that put others there and start them fail."),
        mark("Set TMPDIR for jobs to a directory where programs may run."),
    ),
    "namespaces": (
        mark("Applications can have a network of their own."),
        mark("Applications can't have a network of their own: %(problem)s."),
        mark("Allow user namespaces (user.max_user_namespaces); until then applications that speak TCP are refused."),
    ),
    "runtimes": (
        mark("%(node)s has container runtimes: %(runtimes)s."),
        mark("%(node)s has no container runtime, so programs in images can't start there."),
        mark("Install one: Apptainer, or bubblewrap or Charliecloud, both with squashfuse."),
    ),
    "images": (
        mark("Programs in images can be run, SIF and squashfs too."),
        mark("SIF and squashfs images can't be run: %(problem)s."),
        mark("Install what it lacks; user.max_user_namespaces says how many user namespaces there may be."),
    ),
    "sockets": (
        mark("Graphical programs can have their sockets in %(directory)s."),
        mark("%(directory)s %(how)s. %(problem)s"),
        mark("Have it made when the node starts, root's and with mode 1777: systemd-tmpfiles does so by its own x11.conf."),
    ),
    "displays": (
        mark("Windows can be shown by %(displays)s."),
        mark("On %(node)s neither Xpra nor Xvnc can show windows, so only images that bring one can. %(problem)s"),
        mark("Install xpra and xvfb for single programs, tigervnc-standalone-server and openbox for desktops."),
    ),
    "home": (
        mark("The home directory %(directory)s can be written on the node."),
        mark("The home directory %(directory)s can't be used on the node. %(problem)s"),
        mark("Mount the home directories on the nodes; a full quota is for its owner to empty."),
    ),
    "exit": (
        mark("The job has ended well."),
        mark("The job has ended early (%(problem)s)."),
        mark("Its output may say more: %(output)s"),
    ),
}
HOW = {
    "name": mark("has a name that the node can't resolve"),
    "timeout": mark("gives no answer, as behind a firewall"),
    "refused": mark("refuses the connection"),
    "tls": mark("is not the portal, or its certificate is not good there"),
    "silent": mark("takes the connection and then says nothing"),
    "missing": mark("is missing, and people can't make it: graphical programs can't start there"),
    "unusable": mark("can't be used: graphical programs can't start there"),
    "owner": mark("is not root's, so its owner can put other sockets in the place of people's displays"),
    "mode": mark("does not have mode 1777, so not everybody can show windows"),
}


def finding(code: str, params: Mapping[str, object], *, ok: bool) -> tuple[str, str]:
    """(what was found, what to do); "" when there is nothing to do. Unknown codes are shown as they are."""
    if code not in FINDINGS:
        return code, ""
    good, bad, cure = FINDINGS[code]
    shown = {name: _plain(value) for name, value in params.items()}
    shown["how"] = gettext(HOW.get(str(params.get("why")), "")) if params.get("why") else ""
    if ok:
        return _fill(gettext(good), shown), ""
    return _fill(gettext(bad), shown).rstrip(), _fill(gettext(cure), shown)


class _Known(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "" if key == "problem" else "?"


def _fill(text: str, params: Mapping[str, str]) -> str:
    return text % _Known(params)


def _plain(value: object) -> str:
    """What nodes say is not to be trusted with a terminal."""
    return "".join(one if one.isprintable() else " " for one in str(value))[:400]
