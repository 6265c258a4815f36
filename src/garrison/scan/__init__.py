"""Audits: what is looked at from outside, and what it means, as findings."""
