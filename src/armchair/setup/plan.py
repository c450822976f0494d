"""Which things a site has, in the order in which they can be made. Pure."""

from collections.abc import Sequence
from pathlib import Path

from armchair.helper.files import pam_service, sudoers
from armchair.setup import texts
from armchair.setup.site import Site
from armchair.setup.things import Account, Directory, File, Group, Thing

_SOCKETS = 0o3770  # as gateway.runtime_directory wants it
_HANDED_OVER = 0o2750  # the helper writes, the account whose keys they are reads


def things(site: Site) -> Sequence[Thing]:
    """All of them."""
    config = site.helper
    return (
        Group(name=config.group),
        Group(name=site.group),
        Account(name=config.account, home=config.state_directory),
        Account(name=config.web_account, home=site.home),
        Account(name=config.gateway_account, home=site.gateway_directory),
        *_directories(site),
        File(path=site.helper_file, text=texts.helper_settings(site), keep=True),
        # the mail server's password may stand in it
        File(path=site.portal_file, text=texts.portal_settings(site), group=site.group, mode=0o640, keep=True),
        File(path=Path("/etc/sudoers.d/armchair"), text=sudoers(config), mode=0o440, check=("visudo", "-c", "-q", "-f")),
        # kept: the place for a site's one-time codes
        File(path=Path("/etc/pam.d", config.pam_service), text=pam_service(debian=site.debian), keep=True),
        File(path=Path("/etc/tmpfiles.d/armchair.conf"), text=texts.tmpfiles(site)),
        File(path=site.units / "armchair-helper.service", text=texts.helper_unit(site)),
        File(path=site.units / "armchair.service", text=texts.web_unit(site)),
        File(path=site.units / "armchair-gateway.service", text=texts.gateway_unit(site)),
        *([File(path=site.hub_unit, text=texts.hub_unit(site))] if site.hub else []),
    )


def _directories(site: Site) -> Sequence[Thing]:
    config = site.helper
    helper, web, gateway = config.account, config.web_account, config.gateway_account
    parents = dict.fromkeys(path.parent for path in (config.web_keys, config.gateway_keys))
    return (
        Directory(path=site.settings_directory),
        Directory(path=site.settings_directory / "tls", group=gateway, mode=0o750),
        Directory(path=config.state_directory, owner=helper, group=helper, mode=0o700),
        Directory(path=config.audit_log.parent, owner=helper, group="adm", mode=0o750),
        # root's, so that neither account can put anything else in place of the directory that the helper writes into
        *(Directory(path=parent) for parent in parents),
        Directory(path=config.web_keys, owner=helper, group=web, mode=_HANDED_OVER),
        Directory(path=config.gateway_keys, owner=helper, group=gateway, mode=_HANDED_OVER),
        Directory(path=site.home, owner=web, group=site.group, mode=0o710),
        Directory(path=site.gateway_directory, owner=gateway, group=gateway, mode=0o700),
        Directory(path=site.runtime_directory, group=site.group, mode=_SOCKETS),
    )
