"""Participants with intentions: they see what is public, when it reaches them, and trade on it."""
