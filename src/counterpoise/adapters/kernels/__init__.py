"""Kernels over the bytes of recordings."""
