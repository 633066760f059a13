"""Loops of the schedules, numbers only."""
