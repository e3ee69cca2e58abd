#!/bin/sh
# Make a virtual environment with this checkout (editable) and everything its tests need.
#
#   scripts/make-venv.sh .venv
set -eu

venv=$1
here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)

python=""
for name in ${PYTHON:-} python3.11 python3.12 python3.13 python3 python; do
    if command -v "$name" >/dev/null 2>&1 &&
        "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python=$name
        break
    fi
done
if [ -z "$python" ]; then
    echo "Python 3.11 or newer is needed, and none was found (set PYTHON=/path/to/python3)." >&2
    exit 1
fi

# Debian keeps the module that makes virtual environments in a package of its own.
if ! "$python" -c 'import ensurepip' 2>/dev/null; then
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        (
            # system-packages.sh may run at the same time.
            flock 9
            apt-get -qq update
            DEBIAN_FRONTEND=noninteractive apt-get -qq install -y "python$version-venv" >/dev/null
        ) 9<"$here/scripts/system-packages.sh"
    else
        echo "Please install the package python$version-venv and run this again." >&2
        exit 1
    fi
fi

[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
echo "Installing napari-dacapo and what its tests need into $venv (a minute or two, once)"
# Nothing is compiled beforehand: torch alone has thousands of modules, of which few are imported.
pip="$venv/bin/python -m pip install --quiet --no-compile --disable-pip-version-check -c $here/constraints.txt"
wanted="$here[all,mongo,notebook,dev]"
# torch comes by pip, which knows where this machine gets its builds from; uv installs the many
# other packages several times faster, and where it cannot, pip does that as well.
$pip torch uv
"$venv/bin/uv" pip install --quiet --python "$venv/bin/python" \
    -c "$here/constraints.txt" -e "$wanted" || $pip -e "$wanted"
