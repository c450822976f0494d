"""The text of every file that `armchair setup` writes, but sudo's and PAM's, which the helper knows. Pure."""

import json
from collections.abc import Sequence
from pathlib import Path

from armchair.setup.site import Site

_HEAD = "# Written by `armchair setup`, which writes it anew: put changes into a drop-in (systemctl edit).\n"
_FREE_PORTS = 1024  # from here on, anybody may bind them
# what neither web process nor gateway nor hub needs; the helper can't do without privileges: sudo has to work in it
_HARDENED = """NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
LockPersonality=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
SystemCallArchitectures=native
UMask=0077
"""


def helper_unit(site: Site) -> str:
    """The helper's service."""
    config = site.helper
    # the groups of the others to hand them their keys; Debian's shadow lets PAM compare passwords
    groups = " ".join([*(["shadow"] if site.debian else []), config.web_account, config.gateway_account])
    return (
        f"{_HEAD}[Unit]\nDescription=Armchair's privileged helper\nAfter=network-online.target munge.service\n"
        "Wants=network-online.target\n\n"
        f"[Service]\nType=exec\nUser={config.account}\nGroup={config.account}\nSupplementaryGroups={groups}\n"
        f"ExecStart={site.program} helper run --config {site.helper_file}\nRestart=always\nRestartSec=2\n"
        f"{_runtime(config.socket)}UMask=0077\nProtectSystem=full\nProtectControlGroups=yes\nPrivateTmp=yes\n\n"
        "[Install]\nWantedBy=multi-user.target\n"
    )


def _runtime(socket: Path) -> str:
    # systemd makes a directory directly under /run; elsewhere the directory is made by set-up
    directory = socket.parent
    return f"RuntimeDirectory={directory.name}\nRuntimeDirectoryMode=0755\n" if directory.parent == Path("/run") else ""


def web_unit(site: Site) -> str:
    """The web process's service."""
    account = site.helper.web_account
    return (
        f"{_HEAD}[Unit]\nDescription=Armchair's portal\nAfter=armchair-helper.service network-online.target\n"
        "Wants=armchair-helper.service network-online.target\n\n"
        f"[Service]\nType=exec\nUser={account}\nGroup={account}\nSupplementaryGroups={site.group}\n"
        f"ExecStart={site.program} serve --home {site.home} --config {site.portal_file}\nRestart=always\nRestartSec=2\n"
        f"{_HARDENED}CapabilityBoundingSet=\nReadWritePaths={site.home} {site.runtime_directory}\n\n"
        "[Install]\nWantedBy=multi-user.target\n"
    )


def gateway_unit(site: Site) -> str:
    """The gateway's service: the only one that may bind ports below 1024."""
    account = site.helper.gateway_account
    return (
        f"{_HEAD}[Unit]\nDescription=Armchair's gateway\nAfter=armchair-helper.service network-online.target\n"
        "Wants=armchair-helper.service network-online.target\n\n"
        f"[Service]\nType=exec\nUser={account}\nGroup={account}\nSupplementaryGroups={site.group}\n"
        f"ExecStart={site.program} gateway run --home {site.home} --config {site.portal_file}\n"
        "ExecReload=/bin/kill -HUP $MAINPID\nKillMode=mixed\nRestart=always\nRestartSec=2\nLimitNOFILE=262144\n"
        f"{_HARDENED}AmbientCapabilities=CAP_NET_BIND_SERVICE\nCapabilityBoundingSet=CAP_NET_BIND_SERVICE\n"
        f"ReadWritePaths={site.gateway_directory} {site.runtime_directory}\n\n"
        "[Install]\nWantedBy=multi-user.target\n"
    )


def hub_unit(site: Site) -> str:
    """The hub's service, where agents connect out: the gateway's account, for the certificate that agents check is there.

    It writes nothing but the socket at which it tells how it is, and needs no privilege, but for a port below 1024.
    """
    account = site.helper.gateway_account
    port = site.hub.rpartition(":")[2]
    bind = "CAP_NET_BIND_SERVICE" if port.isdigit() and int(port) < _FREE_PORTS else ""
    return (
        f"{_HEAD}[Unit]\nDescription=Armchair's hub\nAfter=armchair-helper.service network-online.target\n"
        "Wants=armchair-helper.service network-online.target\n\n"
        f"[Service]\nType=exec\nUser={account}\nGroup={account}\nSupplementaryGroups={site.group}\n"
        f"ExecStart={site.program} hub run --home {site.home} --config {site.portal_file}\nRestart=always\nRestartSec=2\n"
        f"LimitNOFILE=262144\n{_HARDENED}AmbientCapabilities={bind}\nCapabilityBoundingSet={bind}\n"
        f"ReadWritePaths={site.runtime_directory}\n\n"
        "[Install]\nWantedBy=multi-user.target\n"
    )


def tmpfiles(site: Site) -> str:
    """The directory of sockets, which is gone after each boot."""
    return f"# Written by `armchair setup`.\nd {site.runtime_directory} 3770 root {site.group} -\n"


def portal_settings(site: Site) -> str:
    """A first armchair.toml; the administrator's from then on."""
    return f"""# Settings of portal and gateway; `armchair config show --config {site.portal_file}` prints all of them.
[site]
helper = {_text(site.helper.socket)}
keys = {_text(site.helper.web_keys)}

[gateway]
listen = "0.0.0.0:443"
redirect_from = "0.0.0.0:80"
public_origin = {_text(site.origin)}
apps_domain = {_text(site.helper.apps_domain or site.apps_domain)}    # the same as in helper.toml
tls_certificate = [{_text(site.settings_directory / "tls")}]    # *.pem, readable by {site.helper.gateway_account}
agents_listen = "0.0.0.0:8443"    # compute nodes must reach it
agents_names = {_list(site.helper.agents_names)}    # the same as in helper.toml
networks = {_list(site.nodes)}    # of the compute nodes
managed = false
group = {_text(site.group)}
directory = {_text(site.gateway_directory)}
keys_directory = {_text(site.helper.gateway_keys)}
runtime_directory = {_text(site.runtime_directory)}
haproxy = "/usr/sbin/haproxy"

{_clusters(site)}"""


def _clusters(site: Site) -> str:
    parts = []
    for name, cluster in site.helper.clusters.items():
        extra = f"extra_args = {_list(cluster.extra_args)}\n" if cluster.extra_args else ""
        parts.append(f'[clusters.{name}]\nlauncher = "slurm"\n{extra}')
    return "\n".join(parts)


def helper_settings(site: Site) -> str:
    """A first helper.toml, with everything that can be set."""
    config = site.helper
    clusters = "\n".join(
        f"[clusters.{name}]\nbin_directory = {_text(one.bin_directory)}\nslurm_conf = {_text(one.slurm_conf)}\n"
        f"extra_args = {_list(one.extra_args)}    # the same as in armchair.toml\n"
        for name, one in config.clusters.items()
    )
    return f"""# What the privileged helper may do. Only root writes this file; restart armchair-helper after changes.
group = {_text(config.group)}    # whose members may log in and be acted for
minimum_uid = {config.minimum_uid}    # never for an account below this
operators = {_list(config.operators)}    # logins, and groups as "@name"
admins = {_list(config.admins)}
pam_service = {_text(config.pam_service)}
login_lifetime_days = {config.login_lifetime_days}
most_hours = {config.most_hours}    # the longest that a session may be extended to

apps_domain = {_text(config.apps_domain)}    # the same as in armchair.toml
agents_names = {_list(config.agents_names)}

account = {_text(config.account)}
web_account = {_text(config.web_account)}
gateway_account = {_text(config.gateway_account)}
socket = {_text(config.socket)}
state_directory = {_text(config.state_directory)}
web_keys = {_text(config.web_keys)}
gateway_keys = {_text(config.gateway_keys)}
audit_log = {_text(config.audit_log)}
sudo = {_text(config.sudo)}

{clusters}"""


def _text(value: object) -> str:
    return json.dumps(str(value))


def _list(values: Sequence[str]) -> str:
    return json.dumps(list(values))
