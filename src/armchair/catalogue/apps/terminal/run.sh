#!/bin/sh
# The terminal's server, on the session's socket. The portal's own Python has what it needs.
set -u
umask 077

directory=${ARMCHAIR_FIELD_DIRECTORY:-}
case $directory in
'' | '~') directory=$HOME ;;
'~/'*) directory=$HOME/${directory#??} ;;
/*) ;;
*) directory=$HOME/$directory ;;
esac
if ! cd -- "$directory"; then
    echo "There is no directory $directory, or it may not be entered." >&2
    exit 2
fi

# -I: neither the current directory nor the person's own packages get into the server; -S is not given, as it needs the portal's
exec "$ARMCHAIR_PYTHON" -I "$ARMCHAIR_APP_DIR/server.py"
