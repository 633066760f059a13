"""counterpoise: keep a crypto-derivatives desk in balance."""

__all__ = ["__version__"]

__version__ = "0.1.0"
