"""Serving: TLS contexts, the development certificate authority, and the development server.

Threat: a development server that is reachable from the network, speaks weak TLS, or teaches its user to click
through certificate warnings. Assumption: the machine's own user is trusted, other users of the machine are
not. Lets pass: slow or oversized HTTP messages, which the server's own limits bound only loosely.
"""
