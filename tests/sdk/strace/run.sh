#!/usr/bin/env bash
# Whether answers wait for the disk, seen from outside. Needs strace, and the server that CARILLON_BIN names.
set -euo pipefail
cd "$(dirname "$0")"

python=$(../python/environment.sh)
"$python" -m unittest test_strace_log
exec "$python" sync.py
