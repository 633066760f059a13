"""What trading does to the price: the impact object, its fits, and what one-sided flow costs those who quote."""
