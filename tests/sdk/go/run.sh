#!/usr/bin/env bash
# The tests with the official Go SDK, against the server that CARILLON_BIN names.
set -euo pipefail
cd "$(dirname "$0")"

exec go test -count=1 -v ./...
