"""Venues made by those who trade on them."""
