"""Ways to work an order that see the market as they go: icebergs, sweeps, and a parent that tracks the day's volume."""
