#!/usr/bin/env bash
# The tests with the official Python SDK, against the server that CARILLON_BIN names.
set -euo pipefail
cd "$(dirname "$0")"

python=$(./environment.sh)
exec "$python" -m unittest -v test_sdk test_rooms
