"""Not to be seen, and nothing that must not be done for it."""
