"""A market made of order flow alone."""
