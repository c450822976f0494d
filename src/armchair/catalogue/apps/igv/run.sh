#!/bin/sh
# IGV from Debian's jar, with memory by the session's size.
set -u
. "$ARMCHAIR_DIR/answers.sh"

file=${ARMCHAIR_FIELD_FILE:-}
case $file in
*://*) ;; # an address on the web
*) file=$(existing_file "$file") || exit 2 ;;
esac
genome=$(expand "${ARMCHAIR_FIELD_GENOME:-}")
heap=$(java_heap -Xmx)

# By itself it opens a port through which everybody who reaches the node can steer it.
echo PORT_ENABLED=false >"$ARMCHAIR_DIR/igv.properties"
# user.home: Java looks into the system's list of people instead of $HOME.
exec java $heap -XX:ActiveProcessorCount="$ARMCHAIR_CORES" -Duser.home="$HOME" \
    -cp /usr/share/java/igv.jar org.broad.igv.ui.Main --preferences "$ARMCHAIR_DIR/igv.properties" \
    ${genome:+--genome "$genome"} ${file:+"$file"}
