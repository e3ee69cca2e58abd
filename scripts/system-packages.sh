#!/bin/sh
# Install the Debian packages that a napari window needs, or say which ones are missing.
#
#   scripts/system-packages.sh window            a window, with or without a screen
#   scripts/system-packages.sh window browser    and a browser, for the tests
#
# Quick when nothing is missing. Does nothing on systems without dpkg (macOS, other Linuxes),
# where desktop installations bring what is needed.
set -eu

command -v dpkg-query >/dev/null 2>&1 || exit 0

window="xvfb xauth libgl1 libgl1-mesa-dri libegl1 libdbus-1-3 libfontconfig1 libglib2.0-0
libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-randr0
libxcb-render-util0 libxcb-shape0 libxcb-xkb1 fonts-dejavu-core"
browser="chromium libatomic1"  # the second for the Node.js in playwright

wanted=""
for group in "$@"; do
    case $group in
    window) wanted="$wanted $window" ;;
    browser) wanted="$wanted $browser" ;;
    *) echo "system-packages.sh: no group '$group' (window, browser)" >&2; exit 2 ;;
    esac
done

missing=""
for package in $wanted; do
    # Debian 13 and Ubuntu 24.04 renamed some of them (libglib2.0-0t64).
    dpkg-query -W -f '${Status}\n' "$package" "${package}t64" 2>/dev/null |
        grep -q 'install ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing system packages:$missing"
    export DEBIAN_FRONTEND=noninteractive
    apt="apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 -qq"
    # make-venv.sh, which may run at the same time, may need a package as well.
    exec 9<"$0" && flock 9
    # shellcheck disable=SC2086
    $apt update
    # shellcheck disable=SC2086
    $apt install -y --no-install-recommends $missing >/dev/null
    exit 0
fi

echo "System packages are missing. Please install them and run this again:" >&2
echo "    sudo apt-get install --no-install-recommends$missing" >&2
# With a screen at hand Xvfb is a convenience, and Qt names what else it lacks.
[ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] || exit 1
