"""Executions against each other: the same markets, the same seeds, the same adversaries."""
