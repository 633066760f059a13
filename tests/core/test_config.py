"""Configuration: strict, named errors, a hash of the content."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import pytest

from counterpoise.adapters.config_file import load_config
from counterpoise.core.config import Config, config_hash, parse_config
from counterpoise.core.errors import ConfigError, UnknownName


class Leg(Config):
    instrument: str
    qty: Annotated[float, msgspec.Meta(gt=0)] = 1.0


class Plan(Config):
    name: str
    horizon_ns: int = 10
    lead: Leg | None = None
    legs: list[Leg] = []  # noqa: RUF012 - msgspec copies it
    caps: dict[str, Leg] = {}  # noqa: RUF012 - msgspec copies it


FULL = """
name = "sell"
horizon_ns = 5
lead = {instrument = "a:B"}
[[legs]]
instrument = "v:X"
qty = 2.5
[caps.btc]
instrument = "v:Y"
"""


def test_a_whole_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(FULL, encoding="utf-8")
    plan = load_config(path, Plan)
    assert plan == Plan(
        name="sell",
        horizon_ns=5,
        lead=Leg(instrument="a:B"),
        legs=[Leg(instrument="v:X", qty=2.5)],
        caps={"btc": Leg(instrument="v:Y")},
    )


def test_a_config_is_frozen() -> None:
    with pytest.raises(AttributeError):
        Plan(name="a").name = "b"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "wrong", "near"),
    [
        ('name = "a"\nhorizon = 3', "horizon", "horizon_ns"),
        ('name = "a"\nlead = {instrument = "x", quty = 1.0}', "quty", "qty"),
        ('name = "a"\n[[legs]]\ninstrumnt = "x"', "instrumnt", "instrument"),
        ('name = "a"\n[caps.btc]\ninstrument = "x"\nqy = 1.0', "qy", "qty"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_name(text: str, wrong: str, near: str) -> None:
    with pytest.raises(UnknownName) as caught:
        parse_config(text, Plan, source="plan.toml")
    assert f"{wrong!r}; did you mean {near!r}?" in str(caught.value)
    assert "plan.toml" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name = 3", "Expected `str`, got `int`"),
        ("", "missing required field `name`"),
        ('name = "a"\n[[legs]]\ninstrument = "x"\nqty = -1.0', "> 0"),
        ('name = "a"\nhorizon_ns = "3"', "Expected `int`, got `str`"),
        ("name = ", "not TOML"),
        ('name = "a"\nname = "b"', "not TOML"),
    ],
)
def test_a_wrong_value_is_refused_and_the_file_named(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(text, Plan, source="plan.toml")
    assert said in str(caught.value)
    assert str(caught.value).startswith("plan.toml")


def test_a_missing_file_and_bad_bytes_are_config_errors(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read"):
        load_config(tmp_path / "absent.toml", Plan)
    (tmp_path / "latin.toml").write_bytes(b'name = "\xe9"')
    with pytest.raises(ConfigError, match="not UTF-8"):
        load_config(tmp_path / "latin.toml", Plan)


def test_the_hash_is_of_the_content_not_of_the_text() -> None:
    short = parse_config('name = "a"', Plan)
    long = parse_config('horizon_ns = 10\nname = "a"\nlegs = []', Plan)
    assert config_hash(short) == config_hash(long)
    assert len(config_hash(short)) == 16
    assert int(config_hash(short), 16) >= 0


def test_the_hash_changes_with_any_value() -> None:
    plans = [
        Plan(name="a"),
        Plan(name="b"),
        Plan(name="a", horizon_ns=11),
        Plan(name="a", legs=[Leg(instrument="x")]),
        Plan(name="a", legs=[Leg(instrument="x", qty=2.0)]),
    ]
    assert len({config_hash(plan) for plan in plans}) == len(plans)


def test_an_integer_in_a_float_field_hashes_as_the_float() -> None:
    assert config_hash(Leg(instrument="a", qty=2)) == config_hash(Leg(instrument="a", qty=2.0))
    assert config_hash(Leg(instrument="a", qty=2)) != config_hash(Leg(instrument="a", qty=3))
