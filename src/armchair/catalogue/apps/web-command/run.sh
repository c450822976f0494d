#!/bin/sh
# Runs the person's own command, as they would at a prompt. It comes as a variable and is never part of this text.
set -u
. "$ARMCHAIR_DIR/answers.sh"

enter "${ARMCHAIR_FIELD_DIRECTORY:-}" || exit 2

exec /bin/sh -c "$ARMCHAIR_FIELD_COMMAND"
