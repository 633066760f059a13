"""A recorded market that our orders stand in, take from and move."""
