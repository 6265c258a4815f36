"""Detection: fold events into alerts. Rules are data (`rules/`), one a file, each with the cases that prove it."""
