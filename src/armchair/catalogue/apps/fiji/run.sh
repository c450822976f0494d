#!/bin/sh
# Fiji from where it is unpacked ($FIJI), with the launcher of 2025 and later or the one before.
set -u
. "$ARMCHAIR_DIR/answers.sh"

file=$(existing_file "${ARMCHAIR_FIELD_FILE:-}") || exit 2
heap=$(java_heap --mem=)

for launcher in fiji-linux-x64 fiji-linux-arm64 ImageJ-linux64; do
    [ ! -x "$FIJI/$launcher" ] || exec "$FIJI/$launcher" $heap ${file:+"$file"}
done
echo "There is no launcher of Fiji in $FIJI." >&2
exit 127
