"""Certificates from an ACME authority: asked for, kept, and renewed while the server runs (RFC 8555).

`times` decides, `state` keeps, `authority` talks, `issuer` acts; `port80` is the listener that challenges come to.

Threat: an expired certificate because a renewal failed silently; a crash that loses the set in use; a loop of failures
that spends the authority's limits; keys that others can read. Assumption: the names' port 80 leads here. Lets pass:
whoever controls the names' DNS can get certificates for them, here or elsewhere.
"""
