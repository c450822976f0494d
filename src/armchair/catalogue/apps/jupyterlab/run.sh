#!/bin/sh
# JupyterLab from the jupyter kit, on the session's socket. Who may come in is the gateway's business; it says who it is.
set -u
. "$ARMCHAIR_DIR/answers.sh"

enter "${ARMCHAIR_FIELD_FOLDER:-}" || exit 2

page=/lab
[ "${ARMCHAIR_FIELD_INTERFACE:-lab}" = lab ] || page=/doc
root=''
[ "$(id -u)" -ne 0 ] || root=--allow-root

# a program started from a notebook finds the kit's commands
export PATH="$ARMCHAIR_KIT/bin:$PATH"
export JUPYTER_RUNTIME_DIR="$ARMCHAIR_DIR/jupyter"

exec "$ARMCHAIR_KIT/bin/python" "$ARMCHAIR_APP_DIR/lab.py" \
    --ServerApp.sock="$ARMCHAIR_SOCKET" --ServerApp.sock_mode=0600 --no-browser --ServerApp.base_url=/ \
    --LabApp.default_url="$page" --ServerApp.root_dir="$PWD" --ServerApp.allow_remote_access=True \
    --ServerApp.identity_provider_class=armchair_identity.GatewayIdentity \
    --LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate $root
