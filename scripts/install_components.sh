#!/bin/sh
# Install the Debian programs the suite needs (tests/support/components.py lists what tests may ask for).
# Needs root only when something is missing.
set -eu

missing=
need() { # need PACKAGE COMMAND...: note PACKAGE unless one of the commands is there
  package=$1
  shift
  for command in "$@"; do
    if command -v "$command" >/dev/null; then return; fi
  done
  missing="$missing $package"
}

need chromium chromium chromium-browser google-chrome
need wrk wrk
need clamav-daemon clamd /usr/sbin/clamd
need curl curl
need openssl openssl
need nodejs node nodejs
need pebble pebble
need libnss3-tools certutil
need npm npm
need caddy caddy
need dbus dbus-daemon
need gnome-keyring gnome-keyring-daemon
need haproxy haproxy /usr/sbin/haproxy
need nginx nginx /usr/sbin/nginx
# A collector of OpenTelemetry, which comes with a Python package, is linked to a library of one of these.
if ! ls /usr/lib/*/libpython3.1[0-3].so.1.0 >/dev/null 2>&1; then missing="$missing libpython3-dev"; fi
need slowhttptest slowhttptest
need sslscan sslscan
need systemd systemd-analyze
if ! ls /usr/lib/nginx/modules/ngx_http_headers_more_filter_module.so >/dev/null 2>&1; then
  missing="$missing libnginx-mod-http-headers-more-filter"
fi
need prometheus prometheus
need rsyslog rsyslogd
if ! ls /usr/lib/*/rsyslog/lmnsd_gtls.so >/dev/null 2>&1; then need rsyslog-gnutls rsyslog-gnutls; fi
if ! ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1; then need postgresql postgres; fi

if [ -z "$missing" ]; then exit 0; fi
if [ "$(id -u)" != 0 ]; then
  echo "missing, and installing needs root:$missing" >&2
  exit 1
fi
apt-get update --quiet=2
# shellcheck disable=SC2086  # a list of package names
DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes --no-install-recommends $missing
