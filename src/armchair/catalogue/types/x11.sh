#!/bin/sh
# Starts an X server of the session's own, Xpra on the session's socket, and in them run.sh; ends when run.sh ends.
#
# The X server is started here and not by Xpra, so that it asks for a cookie from its first moment on and can be ended for
# certain. run.sh starts at the first visit: only then is the size of the screen that its windows have to fit known.
set -u
umask 077

private=$ARMCHAIR_DIR
export XDG_RUNTIME_DIR="$private/x"
export XAUTHORITY="$private/Xauthority"
export XPRA_SYSTEM_CONF_DIRS="$private" XPRA_USER_CONF_DIRS="$private"
export ARMCHAIR_X11_STATUS="$private/exit-status"
mkdir -p "$XDG_RUNTIME_DIR" || exit 1
# Each user's X server puts its socket here. Root makes the directory for all, as the system does at its start.
[ "$(id -u)" -ne 0 ] || [ -d /tmp/.X11-unix ] || mkdir -m 1777 /tmp/.X11-unix

server='' xvfb='' display=''

owns_display() {
    [ -n "$1" ] && [ "$(cat "/tmp/.X$1-lock" 2>/dev/null | tr -d ' ')" = "$xvfb" ]
}

finish() {
    trap '' TERM INT HUP
    [ -z "$server" ] || kill "$server" 2>/dev/null
    # Xpra can die in its shutdown and leave these behind
    rm -f "$ARMCHAIR_SOCKET"
    [ -z "$xvfb" ] || kill "$xvfb" 2>/dev/null
    [ -z "$xvfb" ] || wait "$xvfb" 2>/dev/null
    if owns_display "$display"; then
        rm -f "/tmp/.X11-unix/X$display" "/tmp/.X$display-lock"
    fi
    [ -z "$server" ] || wait "$server" 2>/dev/null
}
trap 'finish; exit 143' TERM INT HUP

# The cookie goes through standard input, because everybody can read arguments. The address family ffff stands for every
# host name and display, so the one entry serves the X server and its clients.
cookie=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
: >"$XAUTHORITY"
echo "ffff 0000  0000  0012 4d49542d4d414749432d434f4f4b49452d31 0010 $cookie" | xauth -q nmerge - || exit 1

# A number is taken by making its lock file, which only one server can. (-displayfd would choose without a lock, and without
# the abstract sockets, which are open to everybody, it takes a number that is in use and unlinks the other server's socket.)
attempt=0
while [ -z "$display" ]; do
    attempt=$((attempt + 1))
    if [ "$attempt" -gt 20 ]; then
        echo "The X server did not start." >&2
        exit 1
    fi
    number=$((100 + $(od -An -N2 -tu2 /dev/urandom) % 30000))
    [ ! -e "/tmp/.X11-unix/X$number" ] || continue
    Xvfb ":$number" -auth "$XAUTHORITY" -nolisten tcp -nolisten local -noreset -screen 0 3840x2160x24+32 -dpi 96 \
        +extension GLX +extension Composite +extension RANDR &
    xvfb=$!
    while kill -0 "$xvfb" 2>/dev/null; do
        if owns_display "$number" && [ -S "/tmp/.X11-unix/X$number" ]; then
            display=$number
            break
        fi
        sleep 0.02
    done
done

cat >"$private/child" <<'CHILD'
#!/bin/sh
"$ARMCHAIR_DIR/run.sh"
echo $? >"$ARMCHAIR_X11_STATUS"
CHILD
chmod 700 "$private/child"

xpra start ":$display" --use-display=yes --daemon=no --bind="$ARMCHAIR_SOCKET" --socket-dirs="$XDG_RUNTIME_DIR" \
    --start-child-after-connect="$private/child" --exit-with-children=yes &
server=$!
wait "$server"
code=$?
server=''
finish
# the program's own exit code says more than Xpra's
[ ! -s "$ARMCHAIR_X11_STATUS" ] || read -r code <"$ARMCHAIR_X11_STATUS"
exit "$code"
