"""Reactions: what follows from an alert, against one client or user, for a time, and undone by one command."""
