"""Markets together: one token over its venues, how far they are apart, who leads, and sums up the tree."""
