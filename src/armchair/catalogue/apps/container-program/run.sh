#!/bin/sh
# Runs inside the image. The person's command comes as a variable and is never part of this text.
. "$ARMCHAIR_DIR/answers.sh"

enter "${ARMCHAIR_FIELD_DIRECTORY:-}" || {
    echo "In the container there is only what it is shown." >&2
    exit 2
}

exec /bin/sh -c "$ARMCHAIR_FIELD_COMMAND"
