#!/bin/sh
# QGIS, without what it fetches from the web at the start: news and the number of the latest version.
set -u
. "$ARMCHAIR_DIR/answers.sh"

file=$(existing_file "${ARMCHAIR_FIELD_FILE:-}") || exit 2

export LP_NUM_THREADS="$ARMCHAIR_CORES" OMP_NUM_THREADS="$ARMCHAIR_CORES"

# What a person sets in QGIS goes before these, which go before the system's.
settings=$ARMCHAIR_DIR/qgis.ini
cat /usr/share/qgis/resources/qgis_global_settings.ini >"$settings" 2>/dev/null
printf '\n[core]\nNewsFeed\\httpsfeedqgisorg\\disabled=true\n' >>"$settings"

exec qgis --nologo --noversioncheck --globalsettingsfile "$settings" ${file:+"$file"}
