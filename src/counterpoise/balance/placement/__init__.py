"""Where a child order stands: joins, improves, crosses or waits."""
