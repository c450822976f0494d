"""What the page around a graphical program says while it runs: its script asks for these by name."""

from armchair.words.language import gettext, mark

_SAID = {
    # the connection
    "opening": mark("Opening %(title)s…"),
    "opening_more": mark("The picture comes in a moment."),
    "lost": mark("You were disconnected"),
    "lost_more": mark("Reconnecting… This alone ends nothing: your program and its windows stay as they are."),
    "lost_wait": mark("Next try in %(seconds)s s. This alone ends nothing: your program and its windows stay as they are."),
    "unlike": mark("This page and the display of the program do not understand each other"),
    "unlike_more": mark("They are of different versions. Load this page again; if that does not help, ask the help desk."),
    "offline": mark("This computer is offline"),
    "offline_more": mark("As soon as it has a network again, your windows come back as they were."),
    "login": mark("Your login has expired"),
    "login_more": mark("Logging in again brings your windows back as they were."),
    "back": mark("Connected again"),
    # how good the connection is
    "good": mark("Good"),
    "slow": mark("Slow"),
    "poor": mark("Poor"),
    "milliseconds": mark("%(number)s ms"),
    "quality_label": mark("Connection: %(word)s, %(number)s ms there and back"),
    # full screen and keys
    "full": mark("Full screen"),
    "full_leave": mark("Leave full screen"),
    "keys_all": mark("In full screen all keys go to the program. Hold Esc to leave."),
    "keys_some": mark(
        "This browser keeps some keys for itself, also in full screen: Ctrl+W, Ctrl+T, Ctrl+N, Alt+Tab. The buttons below send"
        " them to the program."
    ),
    "keys_window": mark("In this application window Ctrl+W, Ctrl+T and Ctrl+N go to the program."),
    "no_full": mark("This browser does not let the page fill the screen."),
    # the clipboard
    "copied_in": mark("The program has the text. Paste it there as usual."),
    "copied_out": mark("Copied to this computer's clipboard"),
    "copy_by_hand": mark("This browser does not let the page copy. The text is selected: copy it with the keyboard."),
    "too_long": mark("This text is too long for the clipboard. Put it into a file and upload that."),
    "too_long_there": mark(
        "What the program has copied does not fit into the clipboard. If it is a long text, save it there and download it."
    ),
    "too_long_typed": mark("This text is too long to be typed. Give it to the program and paste it there."),
    "clipboard_empty": mark("The program has copied nothing yet."),
    # files
    "upload_waits": mark("%(name)s: waiting"),
    "upload_runs": mark("%(name)s: %(percent)s %% of %(size)s"),
    "upload_done": mark("%(name)s: uploaded to %(folder)s"),
    "upload_renamed": mark("%(name)s: uploaded to %(folder)s as %(stored)s"),
    "upload_cancelled": mark("%(name)s: cancelled, nothing was kept"),
    "files_off": mark("%(name)s: the site does not allow it."),
    "disk_full": mark("%(name)s: there is no room left in your directory. Free some and try again."),
    "bad_name": mark("%(name)s: a file can't have this name here."),
    "folder_closed": mark("%(name)s: the folder %(folder)s can't be written to."),
    "not_a_file": mark("%(name)s: folders can't be uploaded. Pack it into one file."),
    "upload_broke": mark("%(name)s: the connection broke, nothing was kept. Try again."),
    "upload_failed": mark("%(name)s: not uploaded (%(code)s)."),
    "files_unreadable": mark("The list of files can't be read now."),
    "no_files": mark("%(folder)s is empty."),
    "cancel": mark("Cancel"),
    "download": mark("Download %(name)s"),
}


def screen() -> dict[str, str]:
    """Each sentence by its name, in the language of this request; %(…)s is filled in by the page."""
    return {name: gettext(text) for name, text in _SAID.items()}
