"""When to have done how much: the plain schedules, and the optimal ones in closed form."""
