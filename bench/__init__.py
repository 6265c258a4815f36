"""Benchmarks: what Garrison costs, always measured against something else in the same run.

One file per benchmark, each with a docstring that says what is measured and how, and with `measure(size)`. `harness`
takes the times, `report` shows them. `python -m bench` runs them all, `python -m bench NAME` runs one.
"""
