#!/bin/sh
# ImageJ from Debian's jar. Debian's own script is left out: it gives names of files to eval, and takes memory by the node's.
set -u
. "$ARMCHAIR_DIR/answers.sh"

file=$(existing_file "${ARMCHAIR_FIELD_FILE:-}") || exit 2
heap=$(java_heap -Xmx)

mkdir -p "$HOME/.imagej" || exit 1
# -port0: it listens to nobody. user.home: Java looks into the system's list of people instead of $HOME.
exec java $heap -XX:ActiveProcessorCount="$ARMCHAIR_CORES" -Duser.home="$HOME" \
    -cp /usr/share/java/ij.jar ij.ImageJ -ijpath "$HOME/.imagej" -port0 ${file:+"$file"}
