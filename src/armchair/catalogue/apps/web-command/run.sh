#!/bin/sh
# Runs the person's own command, as they would at a prompt. It comes as a variable and is never part of this text.
set -u

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

exec /bin/sh -c "$ARMCHAIR_FIELD_COMMAND"
