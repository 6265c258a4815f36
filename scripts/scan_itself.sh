#!/usr/bin/env bash
# Garrison scans itself: nothing of high severity, nothing of medium severity that .ci/scan.toml does not explain.
# Argument: the virtual environment. The scanners go into .tools/scan, exact versions with hashes, once.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export GARRISON_TOOLS="${GARRISON_TOOLS:-$PWD/.tools}/scan"
mkdir -p "$(dirname "$GARRISON_TOOLS")"
"$1/bin/garrison" scan tools install bandit ruff detect-secrets zizmor
exec "$1/bin/garrison" scan . --only code --only bandit --only ruff --only detect-secrets --only zizmor --fail medium --seconds 300 \
  --suppressions .ci/scan.toml --exclude tests/scan/planted --exclude bench --format markdown
