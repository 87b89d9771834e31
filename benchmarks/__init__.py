"""Measurements, each beside a reference of the same run, because machines differ and are noisy.

`make bench` runs them all; `make bench ARGS="element tokens"` some, `ARGS=--list` names them. A figure is printed
with its reference and the ratio of both; what the figures were, and why, stands in docs/performance.md.
"""
