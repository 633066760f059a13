"""Environments to learn in, over a recorded or simulated market; Gymnasium comes with the extra `learn`."""
