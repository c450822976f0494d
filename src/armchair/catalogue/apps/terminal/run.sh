#!/bin/sh
# The terminal's server, on the session's socket. The portal's own Python has what it needs.
set -u
. "$ARMCHAIR_DIR/answers.sh"

enter "${ARMCHAIR_FIELD_DIRECTORY:-}" || exit 2

# -I: neither the current directory nor the person's own packages get into the server; -S is not given, as it needs the portal's
exec "$ARMCHAIR_PYTHON" -I "$ARMCHAIR_APP_DIR/server.py"
