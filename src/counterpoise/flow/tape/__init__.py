"""What traded, order by order: time and sales, flow by size, swings and divergence, volume by time of day."""
