#!/bin/sh
# Run a command on the screen, or on a virtual one (Xvfb) where there is none.
#
#   scripts/with-display.sh .venv/bin/python -m pytest
set -eu

if [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] || [ "$(uname -s)" = Darwin ]; then
    exec "$@"
fi
if ! command -v xvfb-run >/dev/null 2>&1; then
    echo "There is no screen (DISPLAY is not set) and xvfb-run is not installed." >&2
    exit 1
fi
exec xvfb-run -a -s "-screen 0 1600x1000x24" "$@"
