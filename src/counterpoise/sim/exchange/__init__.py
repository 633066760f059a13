"""A venue of its own: price-time matching over full books for many markets and many accounts."""
