"""Leveraged accounts, and what happens when they are liquidated."""
