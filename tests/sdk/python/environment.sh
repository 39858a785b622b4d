#!/usr/bin/env bash
# Makes the virtual environment of the Python tests, if what is pinned has changed, and prints its interpreter.
set -euo pipefail
cd "$(dirname "$0")"
home=../.venv

# The marker is the list of what is installed.
if ! cmp -s requirements.txt "$home/.locked"; then
    rm -rf "$home"
    python3 -m venv "$home" >&2
    "$home/bin/pip" install --quiet --disable-pip-version-check -r requirements.txt >&2
    cp requirements.txt "$home/.locked"
fi
realpath -s "$home/bin/python"
