#!/usr/bin/env bash
# The tests with the official JavaScript SDK, against the server that CARILLON_BIN names.
set -euo pipefail
cd "$(dirname "$0")"

./environment.sh
exec node --test --test-reporter=spec --test-timeout=120000 sdk.test.js rooms.test.js
