"""The granularity optimiser: how much of a parent order goes where, and when."""
