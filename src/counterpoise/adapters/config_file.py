"""Configuration files."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from counterpoise.core.config import Config, parse_config
from counterpoise.core.errors import ConfigError

__all__ = ["load_config"]

ConfigT = TypeVar("ConfigT", bound=Config)


def load_config(path: Path, into: type[ConfigT]) -> ConfigT:
    """Read a TOML file into a config struct; raises as `parse_config`, and ConfigError if the file cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}; give the path of a TOML file") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text ({error.reason} at byte {error.start})") from error
    return parse_config(text, into, source=str(path))
