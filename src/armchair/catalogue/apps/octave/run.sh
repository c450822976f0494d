#!/bin/sh
# Octave with its windows, computing on as many cores as the session has.
set -u
. "$ARMCHAIR_DIR/answers.sh"

enter "${ARMCHAIR_FIELD_FOLDER:-}" || exit 2

export OMP_NUM_THREADS="$ARMCHAIR_CORES" LP_NUM_THREADS="$ARMCHAIR_CORES"

# Before the first start only: without this file an assistant comes up, and without this line it fetches news from the web.
settings=${XDG_CONFIG_HOME:-$HOME/.config}/octave/octave-gui.ini
[ -e "$settings" ] || { mkdir -p "${settings%/*}" && printf '[news]\nallow_web_connection=false\n' >"$settings"; }

exec octave --gui
