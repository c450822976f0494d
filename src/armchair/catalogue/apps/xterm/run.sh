#!/bin/sh
# An X11 application's script just becomes the program; the display is there already.
cd || exit 1
exec xterm -fa Monospace -fs 11 -geometry 100x30 -title xterm
