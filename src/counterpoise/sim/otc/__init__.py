"""Trading away from the lit book: a midpoint dark pool, and dealers who are asked for a price."""
