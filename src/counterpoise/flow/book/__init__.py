"""What happens to the book around trades: sweeps, how soon it recovers, absorption."""
