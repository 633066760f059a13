"""DuckDB over the files of a lake."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from counterpoise.adapters.manifest import Part
from counterpoise.adapters.part import empty_frame
from counterpoise.adapters.storage import RemoteStorage, Storage
from counterpoise.core.schema import TABLES

__all__ = ["connect"]


def connect(storage: Storage, parts: Sequence[Part]) -> duckdb.DuckDBPyConnection:
    """In-memory DuckDB with a view for every table; a table without files is an empty one."""
    connection = duckdb.connect()
    if isinstance(storage, RemoteStorage):
        connection.register_filesystem(storage.fs)
    for table in TABLES:
        paths = [storage.location(p.path) for p in parts if p.table == table]
        if paths:
            connection.execute(f'CREATE VIEW "{table}" AS {_select(paths)}')
        else:
            connection.register("_empty", empty_frame(table).to_arrow())
            connection.execute(
                f'CREATE TABLE "{table}" AS SELECT *, NULL::VARCHAR AS venue, NULL::VARCHAR AS instrument, '
                "NULL::DATE AS date FROM _empty"
            )
            connection.unregister("_empty")
    return connection


def _select(paths: Sequence[str]) -> str:
    listed = ", ".join("'" + path.replace("'", "''") + "'" for path in paths)
    types = "{'venue': VARCHAR, 'table': VARCHAR, 'instrument': VARCHAR, 'date': DATE}"
    return (
        f'SELECT * EXCLUDE ("table", venue, instrument, date), venue, instrument, date '
        f"FROM read_parquet([{listed}], hive_partitioning = true, hive_types = {types})"
    )
