#!/usr/bin/env bash
# Installs what is locked, if it has changed.
set -euo pipefail
cd "$(dirname "$0")"

# The marker is the lock file of what is installed.
if ! cmp -s package-lock.json node_modules/.locked; then
    npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
    cp package-lock.json node_modules/.locked
fi
