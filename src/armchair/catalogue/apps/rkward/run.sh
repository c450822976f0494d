#!/bin/sh
# RKWard and its R.
set -u
. "$ARMCHAIR_DIR/answers.sh"

file=$(existing_file "${ARMCHAIR_FIELD_FILE:-}") || exit 2

export OMP_NUM_THREADS="$ARMCHAIR_CORES"

# Before the first start only: an assistant comes up when the version has changed, and no version counts as a change. With the
# version it takes the plug-ins, which are most of its menus, from here as well.
settings=${XDG_CONFIG_HOME:-$HOME/.config}/rkwardrc
if [ ! -e "$settings" ]; then
    mkdir -p "${settings%/*}"
    {
        printf '[Internal]\nprevious runtime version=%s\n\n' "$(rkward --version 2>/dev/null | grep -o '[0-9][0-9.]*' | head -n 1)"
        printf '[Plugin Settings]\nAll known plugin maps='
        printf '%s,' /usr/share/rkward/*.pluginmap
        echo
        grep -L -E 'priority="(hidden|low)"' /usr/share/rkward/*.pluginmap | while read -r map; do
            printf '\n[Plugin Settings][Known Plugin maps][%s]\nActive=true\n' "$map"
        done
    } >"$settings"
fi

exec rkward ${file:+"$file"}
