"""Who trades: features of events, clusters that keep their names, retail against institutional."""
