"""Errors in words: what happened, what it means, what to do. The table is also the source of the reference page."""

from collections.abc import Mapping
from datetime import timedelta

from armchair.words.language import gettext, mark
from armchair.words.line import Message
from armchair.words.quantities import duration

# code: (what happened, what to do)
ERRORS: dict[str, tuple[str, str]] = {
    "invalid_input": (mark("Something in the form needs another look."), mark("Nothing was started. See the marked fields.")),
    "request_malformed": (mark("The request does not have the documented form."), mark("See the API's description.")),
    "unforeseen": (
        mark("Something went wrong that we had not foreseen."),
        mark("Try again; if it stays, quote %(reference)s to whoever runs this portal."),
    ),
    "not_found": (mark("There is nothing at this address."), mark("Go back to your sessions.")),
    "method_not_allowed": (mark("This address does not take that kind of request."), mark("Go back to your sessions.")),
    "form_too_large": (mark("This is more than a form may hold."), mark("Nothing was stored. Shorten it and send it again.")),
    "form_malformed": (mark("The form could not be read."), mark("Load the page again and repeat what you did.")),
    "no_such_session": (
        mark("There is no such session, or it is not yours."),
        mark("Your sessions are on the sessions page (armchair ls)."),
    ),
    "no_thumbnail": (mark("There is no picture of this session."), mark("One is taken while somebody looks at its screen.")),
    "thumbnail_not_here": (mark("Sessions of this application have no screen."), mark("No picture of them is kept.")),
    "no_such_application": (
        mark("There is no application with this name."),
        mark("The applications page (armchair apps) shows what there is."),
    ),
    "no_such_person": (mark("Nobody with this login is known here."), mark("Check the spelling.")),
    "no_such_token": (mark("There is no such token."), mark("The account page lists yours.")),
    "no_such_kit": (mark("There is no kit with this name."), mark("armchair kit list shows what there is.")),
    "no_such_cluster": (
        mark("The place where this session runs is not set up at present."),
        mark("It is looked for again. Tell whoever runs this portal."),
    ),
    "application_unavailable": (
        mark("%(app)s can't run on this machine yet."),
        mark("The applications page shows the command that cures it."),
    ),
    "extend_off": (mark("This site gives sessions no more time."), mark("Start it again when its time is over.")),
    "extend_not_now": (mark("Only a session whose job runs can get more time."), mark("Look at its page and try again.")),
    "extend_no_limit": (mark("This session has no limit of time."), mark("It goes on until you end it.")),
    "extend_nothing": (mark("This adds no time."), mark("Say how much, like 2h.")),
    "extend_under_way": (mark("More time has been asked for already; the answer is still to come."), mark("Wait a moment.")),
    "extend_too_often": (
        mark("This site adds time at most %(times)s times, and it has."),
        mark("Save your work and start again when its time is over."),
    ),
    "extend_too_early": (
        mark("More time can be asked for in the last %(before_span)s."),
        mark("Try again then; you are warned before the end."),
    ),
    "extend_too_long": (
        mark("This site lets a session run for at most %(most_span)s in all."),
        mark("Ask for less, or save your work and start again."),
    ),
    "extend_too_much": (mark("This site adds at most %(step_span)s at once."), mark("Ask for less, and again later.")),
    "extend_not_here": (mark("Sessions on %(cluster)s can't get more time."), mark("Save your work and start again.")),
    "extend_operators_only": (
        mark("The cluster lets only operators raise a job's limit."),
        mark("Ask the help desk, and quote the session's number."),
    ),
    "extend_refused": (
        mark("The cluster gives no more time: %(reason)s"),
        mark("Save your work; the session ends at its time."),
    ),
    "idle_too_short": (mark("The least is %(least_span)s without use."), mark("Choose a longer time.")),
    "idle_too_long": (
        mark("This site ends sessions of this application after %(most_span)s without use."),
        mark("Choose a shorter time, or leave it to the site."),
    ),
    "channel_off": (
        mark("This portal tells nobody anything by %(channel)s."),
        mark("Choose another way, or ask whoever runs the portal."),
    ),
    "tell_too_late": (mark("What you want to be told of has happened already."), mark("See the session's page.")),
    "letter_timed_out": (mark("A letter was not taken in time."), mark("It is tried again for a day.")),
    "letter_crashed": (mark("A letter could not be sent."), mark("The portal's log says why. It is tried again for a day.")),
    "mail_no_address": (mark("There is no mail address for %(login)s."), mark("Tell whoever runs this portal.")),
    "mail_failed": (mark("The mail server did not take a letter: %(reason)s"), mark("It is tried again for a day.")),
    "mail_refused": (
        mark("The mail server refused a letter for good (%(status)s)."),
        mark("Check notices.mail.address in the settings."),
    ),
    "webhook_bad_address": (
        mark("This address can't be used for letters."),
        mark("It must begin with https:// and have neither a login nor blanks in it."),
    ),
    "webhook_not_public": (
        mark("%(host)s is not on the public network."),
        mark("Choose another address, or ask whoever runs the portal to add it to notices.webhook.allow."),
    ),
    "webhook_failed": (mark("A letter did not reach its address: %(reason)s"), mark("It is tried again for a day.")),
    "webhook_refused": (mark("The address refused a letter (HTTP %(status)s)."), mark("It is not sent there again.")),
    "not_joinable": (mark("This session has ended and can't be joined."), mark("Start it again from its page.")),
    "not_ready": (mark("This session is not ready yet."), mark("Wait until it is; its page tells how it stands.")),
    "not_graphical": (
        mark("%(app)s draws no windows: it is a web application."),
        mark("Open it in the browser (armchair open)."),
    ),
    "not_now": (mark("This is not possible in the session's present state."), mark("Look at its page and try again.")),
    "not_allowed": (mark("You may see this session but not do this."), mark("Ask its owner.")),
    "scope_missing": (mark("This token may not do that: it lacks the scope %(scope)s."), mark("Create a token that has it.")),
    "form_not_yours": (
        mark("This form was made for another login, or is too old."),
        mark("Load the page again and repeat what you did."),
    ),
    "token_missing": (mark("This needs a login."), mark("Send a token (armchair token create) as a bearer token.")),
    "token_unknown": (mark("This token is not known or is over."), mark("Create another: armchair token create.")),
    "token_name_taken": (mark("There is a token named %(name)s already."), mark("Choose another name.")),
    "login_wrong": (mark("That name and password do not go together."), mark("Type both again.")),
    "login_too_often": (
        mark("There were too many tries. The next one counts in %(seconds)s s."),
        mark("Wait that long, then type both again."),
    ),
    "login_busy": (mark("Too many people are logging in at this moment."), mark("Try again in a minute.")),
    "login_refused": (mark("The system does not let this account in."), mark("Ask the help desk.")),
    "login_unavailable": (mark("Passwords can't be checked at the moment."), mark("Try again in a minute.")),
    "login_account_over": (mark("This account has ended."), mark("Ask the help desk to renew it.")),
    "login_given_up": (mark("That took too long, and the login was given up."), mark("Begin again.")),
    "password_over": (
        mark("Your password is over, and it could not be changed here."),
        mark("Log in to the cluster with ssh: it asks for a new one. Then come back."),
    ),
    "password_not_changed": (mark("The new password was not accepted."), mark("Begin again with another one.")),
    "not_a_user": (mark("This account may not use the portal."), mark("Ask the help desk to add it.")),
    "helper_silent": (
        mark("The part of the portal that checks passwords and starts jobs does not answer."),
        mark("Try again in a minute. If it stays, tell the help desk."),
    ),
    "helper_failed": (
        mark("The part of the portal that checks passwords and starts jobs has failed at this."),
        mark("Try again. If it stays, tell the help desk; its log says more."),
    ),
    "names_silent": (
        mark("The system can't say who this account is at the moment."),
        mark("Try again in a minute. If it stays, tell the help desk; the directory of accounts does not answer."),
    ),
    "login_by_password": (
        mark("On this portal people log in with their passwords, not by a link."),
        mark("Open the portal's address in a browser."),
    ),
    "assertion_unknown": (mark("Your login no longer counts."), mark("Log out and in again.")),
    "mandate_unknown": (mark("The portal's right to act for this session no longer counts."), mark("Tell the help desk.")),
    "not_your_session": (mark("This session is not yours."), mark("Your sessions are on the sessions page (armchair ls).")),
    "not_your_job": (
        mark("This job is not one of this session's."),
        mark("Tell the help desk and quote the session's number."),
    ),
    "command_not_allowed": (
        mark("The helper does not run this %(program)s command."),
        mark("Its settings and the portal's must name the same clusters and extra arguments. Tell the help desk."),
    ),
    "extension_too_long": (mark("The site allows at most %(most_hours)s hours."), mark("Ask for less.")),
    "ticket_too_long": (mark("The ticket would be good for longer than a login."), mark("Tell the help desk.")),
    "malformed": (mark("The helper could not read the portal's question."), mark("Both must be of the same version.")),
    "login_link_unknown": (
        mark("This link has been used or is too old."),
        mark("Type armchair login for a fresh one; each works once, for ten minutes."),
    ),
    "login_over": (mark("You are no longer logged in."), mark("Log in to the portal and join again.")),
    "login_over_form": (
        mark("You are no longer logged in, so nothing was done."),
        mark("Log in and repeat what you did. Running sessions go on."),
    ),
    "join_code_spent": (mark("This way in has been used or is too old."), mark("Press Join on the session's page again.")),
    "csrf_failed": (
        mark("This request did not come from a page of the portal, or the page was too old."),
        mark("Load the page again and repeat what you did."),
    ),
    "portal_drained": (mark("No new sessions are started at present."), mark("%(text)s Running sessions go on.")),
    "cluster_drained": (mark("%(cluster)s takes no new sessions at present."), mark("%(text)s Running sessions go on.")),
    "scheduler_silent": (
        mark("The place where sessions run gives no answer."),
        mark("Running sessions are not affected, and what you asked for is kept. It is asked again."),
    ),
    "storage_full": (mark("The portal's disk is full; nothing was stored."), mark("Free some space, then try again.")),
    "disk_full": (mark("The disk is full: %(path)s."), mark("Free some space, then try again. Nothing was left half done.")),
    "store_unavailable": (mark("The portal can't read or write its data now."), mark("Try again in a moment.")),
    "store_is_newer": (
        mark("This home was used by a newer Armchair."),
        mark("Run that version again, or choose another home with --home."),
    ),
    "home_in_use": (
        mark("Another portal runs on this home (process %(pid)s on %(host)s, since %(since)s)."),
        mark("Use that one (armchair login), end it (armchair down), or choose another home with --home."),
    ),
    "home_unusable": (mark("The home directory %(path)s can't be used: %(reason)s."), mark("Choose another with --home.")),
    "runtime_directory_unsafe": (
        mark("The directory for sockets, %(path)s, is not yours alone."),
        mark("Remove it, or set gateway.runtime_directory to a directory of yours."),
    ),
    "outcome_is_final": (mark("This run has ended; how it ended can't be changed."), ""),
    "launcher_refused": (mark("It was refused: %(reason)s"), mark("Change the size, or tell the help desk.")),
    "not_this_user": (
        mark("The local launcher runs jobs only as %(user)s, not as %(run_as)s."),
        mark("Start a portal under the other account."),
    ),
    "gateway_silent": (
        mark("The gateway gives no answer."),
        mark("It is started again by itself. What was asked is on file and counts when it is back."),
    ),
    "hub_failed": (mark("The hub did not start: %(output)s"), mark("armchair doctor tells more.")),
    "haproxy_failed": (mark("The gateway (HAProxy) did not start: %(output)s"), mark("armchair doctor tells more.")),
    "gateway_lists_missing": (
        mark("The list of refused tickets, %(path)s, is not there or can't be read by the gateway's account."),
        mark("The portal makes it when it starts; its group must be the one in gateway.group. Then start the gateway again."),
    ),
    "runtime_directory_not_shared": (
        mark("The directory for sockets, %(path)s, is not shared by the group %(group)s."),
        mark("Make it so: install -d -m 3770 -g %(group)s %(path)s"),
    ),
    "certificate_missing": (
        mark("The certificate file %(path)s can't be read."),
        mark("Check gateway.tls_certificate, and that the gateway's account may read it. The earlier one goes on until then."),
    ),
    "certificate_unreadable": (
        mark("%(path)s holds no certificate that can be read."),
        mark("It needs the certificate, its chain and its key as PEM. The earlier one goes on until then."),
    ),
    "certificate_no_key": (
        mark("There is no private key that can be read for the certificate in %(path)s."),
        mark("Put it into the same file, or name it in gateway.tls_key. The earlier one goes on until then."),
    ),
    "certificate_key_locked": (
        mark("The private key for %(path)s has a passphrase."),
        mark("Remove it with openssl pkey, and protect the file by its mode. The earlier one goes on until then."),
    ),
    "certificate_key_differs": (
        mark("Certificate and private key of %(path)s do not belong together."),
        mark("Put the key in place that the certificate was asked for with. The earlier one goes on until then."),
    ),
    "certificate_not_valid_now": (
        mark("The certificate in %(path)s is good from %(begins)s to %(ends)s only."),
        mark("Put a present one in place. The earlier one goes on until then."),
    ),
    "certificate_misses_names": (
        mark("The certificates do not cover %(names)s."),
        mark("Ask for one with all names of the portal. The earlier one goes on until then."),
    ),
    "certificate_ends_soon": (
        mark("The portal's certificate ends on %(ends)s."),
        mark("Put a newer one in its place: it is taken over without a restart."),
    ),
    "rotation_running": (
        mark("Tickets of the key before the present one are accepted until %(until)s."),
        mark("Rotate again after that. If the present key is known to somebody else: armchair keys rotate --compromised."),
    ),
    "no_keys": (mark("There are no keys in %(path)s."), mark("They are made when the portal starts.")),
    "port_in_use": (
        mark("The address %(address)s is in use%(by_whom)s."),
        mark("Choose another with --listen, for example --listen 127.0.0.1:8010."),
    ),
    "key_damaged": (
        mark("The key file %(path)s is damaged."),
        mark("Restore it from a backup, or remove it: all logins and tickets then end."),
    ),
    "bad_settings": (
        mark("The setting %(key)s (%(origin)s) can't be used: %(problem)s."),
        mark("See docs/reference/settings.md."),
    ),
    "bad_definition": (
        mark("An application's definition has %(count)s mistakes."),
        mark("armchair app check DIRECTORY names each with file, line and key."),
    ),
    "kit_install_failed": (
        mark("The kit %(kit)s could not be installed (%(step)s): %(reason)s"),
        mark("Nothing half done is used. Try again: armchair kit install %(kit)s."),
    ),
    "kit_install_running": (mark("The kit %(kit)s is being installed already."), mark("Wait for that, then try again.")),
    "command_missing": (mark("The program %(program)s is not installed."), mark("Install it, then try again.")),
    "command_timed_out": (mark("%(program)s gave no answer within %(seconds)s s."), mark("Try again in a moment.")),
    "command_failed": (mark("%(program)s failed (exit code %(exit_code)s): %(stderr)s"), ""),
    "command_output_too_long": (mark("%(program)s wrote more than %(limit)s bytes."), ""),
    "portal_unreachable": (
        mark("No portal answers at %(url)s."),
        mark("Start one (armchair serve), or set ARMCHAIR_URL and ARMCHAIR_TOKEN."),
    ),
    "bad_credential": (mark("An agent showed a credential that is not ours."), mark("It is refused; nothing to do.")),
    "enrolment_used": (mark("An agent showed a token that was used before."), mark("It is refused; nothing to do.")),
    "job_not_recorded": (mark("An agent called before its job was on record."), mark("It asks again by itself.")),
    "run_over": (mark("An agent called for a run that has ended."), mark("It ends its application.")),
}


def error(code: str, params: Mapping[str, object]) -> Message:
    """What happened and what to do. A code without words (of a plug-in, say) shows itself."""
    if code not in ERRORS:
        return Message(title=code.replace("_", " ").capitalize() + ".", detail="")
    title, detail = ERRORS[code]
    values = values_of(params)
    return Message(title=gettext(title) % values, detail=(gettext(detail) % values).strip() if detail else "")


class Values(dict[str, object]):
    """Parameters that never fail to be there."""

    def __missing__(self, key: str) -> object:
        return "?"


def values_of(params: Mapping[str, object]) -> Values:
    """The parameters as sentences use them: lists and spans of time in words, and what follows from them."""
    values = Values(params)
    allowed = params.get("allowed")
    if isinstance(allowed, list | tuple):
        values["choices"] = ", ".join(str(one) for one in allowed)
    for name in ("least", "most", "step", "before"):
        seconds = params.get(name)
        if isinstance(seconds, int) and not isinstance(seconds, bool):
            values[f"{name}_span"] = duration(timedelta(seconds=seconds))
    suggestion = params.get("suggestion")
    values["hint"] = " " + gettext("Did you mean %(name)s?") % {"name": suggestion} if suggestion else ""
    values["by_whom"] = " " + gettext("by %(who)s") % {"who": params["by"]} if params.get("by") else ""
    return values
