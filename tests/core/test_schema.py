"""Tables on disk: known by name, refused when they differ."""

from __future__ import annotations

import pyarrow as pa
import pytest

from counterpoise.core.errors import SchemaError, UnknownName
from counterpoise.core.schema import TICK_TABLES, require_schema, table_schema
from counterpoise.market.event import Events

TABLES = [*TICK_TABLES, "mark", "open_interest", "option_quote", "bar"]


def test_tick_tables_are_the_columns_of_events() -> None:
    for table in TICK_TABLES:
        schema = table_schema(table)
        assert set(schema.names) == set(Events._fields)
        kinds = {name: str(column.dtype) for name, column in zip(Events._fields, Events.empty(), strict=True)}
        assert {name: str(schema.field(name).type) for name in schema.names} == kinds


@pytest.mark.parametrize("table", TABLES)
def test_every_table_has_both_clocks_and_the_ordinal_in_int64(table: str) -> None:
    schema = table_schema(table)
    assert schema.names[:3] == ["ts_local", "ts_venue", "seq"]
    assert all(schema.field(name).type == pa.int64() for name in schema.names[:3])
    assert len(set(schema.names)) == len(schema.names)


def test_an_unknown_table_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UnknownName, match="did you mean 'open_interest'"):
        table_schema("open_intrest")


@pytest.mark.parametrize("table", TABLES)
def test_a_table_is_its_own_schema_whatever_the_metadata(table: str) -> None:
    require_schema(table, table_schema(table).with_metadata({"written by": "another"}), where="a.parquet")


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("change", ["drop", "type", "order", "rename"])
def test_any_other_columns_are_refused(table: str, change: str) -> None:
    expected = table_schema(table)
    found = {
        "drop": expected.remove(1),
        "type": expected.set(2, pa.field("seq", pa.int32())),
        "order": pa.schema([expected.field(1), expected.field(0), *list(expected)[2:]]),
        "rename": expected.set(0, pa.field("time", pa.int64())),
    }[change]
    with pytest.raises(SchemaError, match=r"a\.parquet"):
        require_schema(table, found, where="a.parquet")
