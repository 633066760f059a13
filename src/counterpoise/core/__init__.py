"""Words every stage uses: errors, units, clocks, configuration."""

from counterpoise.core.clock import Clock, SimClock, WallClock
from counterpoise.core.config import Config, config_hash, parse_config
from counterpoise.core.errors import (
    ConfigError,
    CorruptRecord,
    CounterpoiseError,
    DataError,
    InputError,
    NumericalError,
    Rejected,
    Retryable,
    SchemaError,
    Unknown,
    UnknownName,
    VenueError,
)
from counterpoise.core.units import Grid, format_duration, format_time, parse_duration, parse_time

__all__ = [
    "Clock",
    "Config",
    "ConfigError",
    "CorruptRecord",
    "CounterpoiseError",
    "DataError",
    "Grid",
    "InputError",
    "NumericalError",
    "Rejected",
    "Retryable",
    "SchemaError",
    "SimClock",
    "Unknown",
    "UnknownName",
    "VenueError",
    "WallClock",
    "config_hash",
    "format_duration",
    "format_time",
    "parse_config",
    "parse_duration",
    "parse_time",
]
