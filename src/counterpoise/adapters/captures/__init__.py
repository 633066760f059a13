"""Raw socket and REST captures of the venues."""

from counterpoise.adapters.captures.reading import VENUES, read_capture

__all__ = ["VENUES", "read_capture"]
