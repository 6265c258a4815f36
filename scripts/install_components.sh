#!/bin/sh
# Install the Debian programs the suite needs (tests/support/components.py lists what tests may ask for).
# Needs root only when something is missing.
set -eu
if command -v chromium || command -v chromium-browser || command -v google-chrome; then exit 0; fi
if [ "$(id -u)" != 0 ]; then
  echo "chromium is missing, and installing it needs root" >&2
  exit 1
fi
apt-get update --quiet=2
DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes --no-install-recommends chromium
