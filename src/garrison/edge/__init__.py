"""Configurations of proxies (nginx, HAProxy, Caddy) and of systemd, written from the policy."""
