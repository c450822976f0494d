"""Errors in words: what happened, what it means, what to do. The table is also the source of the reference page."""

from collections.abc import Mapping

from armchair.domain.errors import FieldError
from armchair.words.language import gettext, mark
from armchair.words.line import Message

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
    "not_joinable": (mark("This session has ended and can't be joined."), mark("Start it again from its page.")),
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
    "login_link_unknown": (
        mark("This link has been used or is too old."),
        mark("Type armchair login for a fresh one; each works once, for ten minutes."),
    ),
    "login_over": (mark("You are no longer logged in."), mark("Log in to the portal and join again.")),
    "join_code_spent": (mark("This way in has been used or is too old."), mark("Press Join on the session's page again.")),
    "csrf_failed": (
        mark("This request did not come from a page of the portal, or the page was too old."),
        mark("Load the page again and repeat what you did."),
    ),
    "scheduler_silent": (
        mark("The launcher gives no answer."),
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
    "launcher_refused": (mark("The launcher refused: %(reason)s"), mark("Change the size, or tell the help desk.")),
    "not_this_user": (
        mark("The local launcher runs jobs only as %(user)s, not as %(run_as)s."),
        mark("Start a portal under the other account."),
    ),
    "gateway_silent": (
        mark("The gateway gives no answer."),
        mark("It is started again by itself. What was asked is on file and counts when it is back."),
    ),
    "haproxy_failed": (mark("The gateway (HAProxy) did not start: %(output)s"), mark("armchair doctor tells more.")),
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

FIELDS: dict[str, str] = {
    "field_unknown": mark("This application has no such field.%(hint)s"),
    "field_required": mark("This is needed."),
    "field_too_small": mark("The least is %(minimum)s."),
    "field_too_large": mark("The most is %(maximum)s."),
    "field_too_short": mark("At least %(minimum)s characters."),
    "field_too_long": mark("At most %(maximum)s characters."),
    "field_not_a_step": mark("Only steps of %(step)s from %(minimum)s."),
    "field_bad_choice": mark("Choose one of: %(choices)s."),
    "field_bad_pattern": mark("This does not have the expected form. %(help)s"),
    "field_not_a_number": mark("A number, like %(example)s."),
    "field_not_a_whole_number": mark("A whole number, like %(example)s."),
    "field_not_a_boolean": mark("Say true or false."),
    "field_not_a_text": mark("This must be a text."),
    "field_bad_duration": mark("A length of time, like %(example)s."),
    "field_bad_memory": mark("An amount of memory, like %(example)s."),
    "field_has_control_characters": mark("Only printable characters, on one line."),
    "size_unknown": mark("There is no such size. Choose one of: %(choices)s."),
    "title_too_long": mark("At most %(maximum)s characters."),
    "token_name_invalid": mark("A name of 1 to %(longest)s printable characters that is not reserved."),
    "token_scopes_missing": mark("Choose at least one thing that it may do."),
    "token_lifetime_invalid": mark("From now to at most %(longest_days)s days."),
}


def error(code: str, params: Mapping[str, object]) -> Message:
    """What happened and what to do. A code without words (of a plug-in, say) shows itself."""
    if code not in ERRORS:
        return Message(title=code.replace("_", " ").capitalize() + ".", detail="")
    title, detail = ERRORS[code]
    values = _values(params)
    return Message(title=gettext(title) % values, detail=gettext(detail) % values if detail else "")


def field_error(problem: FieldError) -> str:
    """What is wrong with one answer, and what is allowed."""
    text = FIELDS.get(problem.code)
    if text is None:
        return error(problem.code, problem.params).title
    return (gettext(text) % _values(problem.params)).strip()


class _Values(dict[str, object]):
    """Parameters that never fail to be there."""

    def __missing__(self, key: str) -> object:
        return "?"


def _values(params: Mapping[str, object]) -> _Values:
    values = _Values(params)
    allowed = params.get("allowed")
    if isinstance(allowed, list | tuple):
        values["choices"] = ", ".join(str(one) for one in allowed)
    suggestion = params.get("suggestion")
    values["hint"] = " " + gettext("Did you mean %(name)s?") % {"name": suggestion} if suggestion else ""
    values["by_whom"] = " " + gettext("by %(who)s") % {"who": params["by"]} if params.get("by") else ""
    return values
