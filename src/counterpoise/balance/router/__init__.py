"""Where an order goes: over venues, between waiting and taking."""
