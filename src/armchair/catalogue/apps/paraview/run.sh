#!/bin/sh
# ParaView, drawn by the processor: by as many cores as the session has, where Mesa would take all of the node.
set -u
. "$ARMCHAIR_DIR/answers.sh"

file=$(existing_file "${ARMCHAIR_FIELD_FILE:-}") || exit 2

export LP_NUM_THREADS="$ARMCHAIR_CORES" OMP_NUM_THREADS="$ARMCHAIR_CORES"

# Before the first start only, no window of welcome. The name of its settings' file has the version in it.
settings=${XDG_CONFIG_HOME:-$HOME/.config}/ParaView
if ! ls "$settings"/ParaView*.ini >/dev/null 2>&1; then
    version=$(paraview --version 2>/dev/null | grep -o '[0-9][0-9.]*' | head -n 1)
    mkdir -p "$settings" && printf '[General]\nGeneralSettings.ShowWelcomeDialog=false\n' >"$settings/ParaView$version.ini"
fi

case $file in
*.pvsm) exec paraview --no-mpi --state="$file" ;;
*) exec paraview --no-mpi ${file:+--data="$file"} ;;
esac
