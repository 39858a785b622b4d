#!/usr/bin/env bash
# Catch-up under load with both outside SDKs. CHURN_CUTS is the number of cuts over both; the Rust SDK has its own in
# `tests/it`. The server is the one that CARILLON_BIN names.
set -euo pipefail
cd "$(dirname "$0")"
cuts=${CHURN_CUTS:-1000}

python=$(../python/environment.sh)
../js/environment.sh
CHURN_CUTS=$((cuts - cuts / 2)) node churn.mjs
CHURN_CUTS=$((cuts / 2)) "$python" churn.py
