"""Configuration: frozen structs, one TOML file, unknown keys refused, a hash of the content."""

from __future__ import annotations

import hashlib
import re
import tomllib
from typing import Any, TypeVar

import msgspec

from counterpoise.core.errors import ConfigError, UnknownName

__all__ = ["Config", "config_hash", "parse_config"]


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every configuration struct: frozen, keyword-only, unknown keys refused."""


ConfigT = TypeVar("ConfigT", bound=Config)


def parse_config(text: str, into: type[ConfigT], *, source: str = "<text>") -> ConfigT:
    """TOML text as a config struct; `source` names it in messages.

    Raises
    ------
    ConfigError
        If it is not TOML, or a value has the wrong type or range.
    UnknownName
        If a key is not known; the nearest known key is suggested.
    """
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{source}: not TOML: {error}") from error
    try:
        return msgspec.convert(tree, into, strict=True)
    except msgspec.ValidationError as error:
        unknown = re.match(r"Object contains unknown field `(.+?)`(?: - at `\$(.*)`)?", str(error))
        if unknown:
            where = (unknown.group(2) or "").lstrip(".")
            raise UnknownName(
                f"key in {source}{f' [{where}]' if where else ''}", unknown.group(1), _known_keys(into)
            ) from error
        raise ConfigError(f"{source}: {str(error).replace('`$', '`').replace('`.', '`')}") from error


def config_hash(config: msgspec.Struct) -> str:
    """First 16 hex digits of the SHA-256 of the config's canonical JSON, defaults included; 2 and 2.0 are one float."""
    typed = msgspec.convert(msgspec.to_builtins(config), type(config))
    canonical = msgspec.json.encode(msgspec.to_builtins(typed), order="sorted")
    return hashlib.sha256(canonical).hexdigest()[:16]


def _known_keys(into: Any) -> set[str]:
    """Every key that may stand anywhere in a config type."""
    keys: set[str] = set()
    todo, seen = [msgspec.inspect.type_info(into)], set()
    while todo:
        info = todo.pop()
        if isinstance(info, msgspec.inspect.StructType):
            if info.cls in seen:
                continue
            seen.add(info.cls)
            keys.update(f.encode_name for f in info.fields)
            todo.extend(f.type for f in info.fields)
        elif isinstance(info, msgspec.inspect.UnionType):
            todo.extend(info.types)
        elif isinstance(info, msgspec.inspect.ListType | msgspec.inspect.VarTupleType):
            todo.append(info.item_type)
        elif isinstance(info, msgspec.inspect.DictType):
            todo.append(info.value_type)
    return keys
