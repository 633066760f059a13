"""Results of runs in SQL: SQLite in a file by default, any SQLAlchemy URL for a team."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import polars as pl
import sqlalchemy as sa

from counterpoise.core.errors import DataError, InputError, SchemaError, UnknownName
from counterpoise.market.order import Fill

__all__ = ["ResultStore", "RunResult"]


class RunResult(msgspec.Struct, frozen=True, kw_only=True):
    """What one run came to. The same configuration on the same data is the same run.

    Attributes
    ----------
    config_hash, data_hash : str
        Together the run's id.
    version : str
        Of counterpoise.
    side : int
        +1 buy, −1 sell.
    qty, filled_qty : str
        Exact decimals in the venue's unit.
    arrival_price : float, optional
        Quote per base.
    average_price : float, optional
        Quote per base; None when nothing was filled.
    shortfall_bps : float, optional
        Implementation shortfall against the decision price, positive is a cost.
    fees : float
        Settle currency, negative for rebates.
    start_ns, end_ns : int
        ns UTC on the run's clock.
    summary : dict
        Anything else that JSON can hold; NaN becomes null.
    """

    config_hash: str
    data_hash: str
    version: str
    instrument: str
    side: int
    qty: str
    start_ns: int
    end_ns: int
    filled_qty: str = "0"
    arrival_price: float | None = None
    average_price: float | None = None
    shortfall_bps: float | None = None
    fees: float = 0.0
    summary: dict[str, Any] = {}

    def __post_init__(self) -> None:
        if self.side not in (1, -1) or not math.isfinite(self.fees):
            raise InputError(f"run {self.run_id}: side {self.side}, fees {self.fees}; expected +1 or -1 and a finite number")

    @property
    def run_id(self) -> str:
        return f"{self.config_hash}-{self.data_hash}"


_METADATA: Final = sa.MetaData()
_RUNS: Final = sa.Table(
    "runs",
    _METADATA,
    sa.Column("run_id", sa.String(160), primary_key=True),
    sa.Column("config_hash", sa.String(64), nullable=False),
    sa.Column("data_hash", sa.String(64), nullable=False),
    sa.Column("version", sa.String(32), nullable=False),
    sa.Column("instrument", sa.String(128), nullable=False, index=True),
    sa.Column("side", sa.SmallInteger, nullable=False),
    sa.Column("qty", sa.String(64), nullable=False),
    sa.Column("filled_qty", sa.String(64), nullable=False),
    sa.Column("arrival_price", sa.Double),
    sa.Column("average_price", sa.Double),
    sa.Column("shortfall_bps", sa.Double),
    sa.Column("fees", sa.Double, nullable=False),
    sa.Column("start_ns", sa.BigInteger, nullable=False),
    sa.Column("end_ns", sa.BigInteger, nullable=False),
    sa.Column("summary", sa.JSON, nullable=False),
)
_FILLS: Final = sa.Table(
    "fills",
    _METADATA,
    sa.Column("run_id", sa.ForeignKey("runs.run_id", ondelete="CASCADE"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),  # order of arrival within the run
    sa.Column("ts_ns", sa.BigInteger, nullable=False),
    sa.Column("client_id", sa.String(128), nullable=False),
    sa.Column("instrument", sa.String(128), nullable=False),
    sa.Column("side", sa.SmallInteger, nullable=False),
    sa.Column("price_ticks", sa.BigInteger, nullable=False),
    sa.Column("qty_lots", sa.BigInteger, nullable=False),
    sa.Column("fee", sa.Double, nullable=False),
    sa.Column("maker", sa.Boolean, nullable=False),
    sa.Column("trade_id", sa.BigInteger, nullable=False),
)
_POLARS: Final = {
    sa.String: pl.String,
    sa.SmallInteger: pl.Int8,
    sa.Integer: pl.Int64,
    sa.BigInteger: pl.Int64,
    sa.Double: pl.Float64,
    sa.Boolean: pl.Boolean,
    sa.JSON: pl.String,
}


class ResultStore:
    """Runs and their fills.

    Parameters
    ----------
    url : str or Path
        A path is a SQLite file; a text is an SQLAlchemy URL.

    Raises
    ------
    InputError
        If the database cannot be opened.
    SchemaError
        If its tables have other columns than this version's.
    """

    def __init__(self, url: str | Path) -> None:
        try:
            name = sa.engine.URL.create("sqlite", database=str(url)) if isinstance(url, Path) else sa.make_url(url)
            self._engine: Final = sa.create_engine(name)
        except (sa.exc.ArgumentError, ImportError) as error:
            raise InputError(f"cannot use {url} as a database: {error}; give a file or an SQLAlchemy URL") from error
        try:
            _METADATA.create_all(self._engine)
            self._require_columns()
        except sa.exc.DBAPIError as error:
            self.close()
            raise InputError(f"cannot open the results at {name.render_as_string()}: {error.orig}") from error
        except SchemaError:
            self.close()
            raise

    def save(self, run: RunResult, fills: Sequence[Fill] = (), *, replace: bool = False) -> bool:
        """Store a run and its fills in one transaction; False when the very same run is there already.

        Raises
        ------
        InputError
            If the run is there with another outcome and `replace` is not given; if a fee is not finite.
        DataError
            If the database did not take it.
        """
        try:
            with self._engine.begin() as connection:
                return _save(connection, run, _fill_rows(run.run_id, fills), replace=replace)
        except sa.exc.DBAPIError as error:
            raise DataError(f"run {run.run_id} was not saved: {error.orig}; nothing of it is stored, save it again") from error

    def runs(self) -> pl.DataFrame:
        """Every run, oldest start first; `summary` is JSON text."""
        with self._engine.connect() as connection:
            found = connection.execute(sa.select(_RUNS).order_by(_RUNS.c.start_ns, _RUNS.c.run_id)).mappings().all()
        rows = [{**row, "summary": msgspec.json.encode(row["summary"], order="sorted").decode()} for row in found]
        return _frame(_RUNS, rows)

    def fills(self, run_id: str) -> pl.DataFrame:
        """Fills of a run in order of arrival.

        Raises
        ------
        UnknownName
            If there is no such run.
        """
        with self._engine.connect() as connection:
            known = connection.scalars(sa.select(_RUNS.c.run_id)).all()
            if run_id not in known:
                raise UnknownName("run", run_id, known)
            return _frame(_FILLS, _stored_fills(connection, run_id))

    def close(self) -> None:
        self._engine.dispose()

    def __enter__(self) -> ResultStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _require_columns(self) -> None:
        inspector = sa.inspect(self._engine)
        for table in (_RUNS, _FILLS):
            found, expected = {c["name"] for c in inspector.get_columns(table.name)}, set(table.c.keys())
            if found != expected:
                raise SchemaError(
                    f"table {table.name!r} has columns {sorted(found)}, expected {sorted(expected)}; "
                    "give another database, or move this one away and run again"
                )


def _save(connection: sa.Connection, run: RunResult, rows: list[dict[str, Any]], *, replace: bool) -> bool:
    values = _run_values(run)
    stored = connection.execute(sa.select(_RUNS).where(_RUNS.c.run_id == run.run_id)).mappings().one_or_none()
    if stored is not None:
        if dict(stored) == values and _stored_fills(connection, run.run_id) == rows:
            return False
        _require_replace(run, stored["version"], replace=replace)
        connection.execute(sa.delete(_FILLS).where(_FILLS.c.run_id == run.run_id))
        connection.execute(sa.delete(_RUNS).where(_RUNS.c.run_id == run.run_id))
    connection.execute(sa.insert(_RUNS).values(values))
    if rows:
        connection.execute(sa.insert(_FILLS), rows)
    return True


def _require_replace(run: RunResult, version: str, *, replace: bool) -> None:
    if not replace:
        raise InputError(
            f"run {run.run_id} is stored by version {version} with another outcome than this one of version {run.version}; "
            "the same configuration and data must give the same result: find out why, or save with replace=True"
        )


def _run_values(run: RunResult) -> dict[str, Any]:
    """Columns of a run as the database gives them back; JSON turns what is not finite into null."""
    return {"run_id": run.run_id, **msgspec.json.decode(msgspec.json.encode(run))}


def _fill_rows(run_id: str, fills: Sequence[Fill]) -> list[dict[str, Any]]:
    names = Fill.__struct_fields__
    for fill in fills:
        if not math.isfinite(fill.fee):
            raise InputError(f"run {run_id}: fill of {fill.client_id} has fee {fill.fee}; expected a finite number")
    return [{"run_id": run_id, "number": i, **{n: getattr(fill, n) for n in names}} for i, fill in enumerate(fills)]


def _stored_fills(connection: sa.Connection, run_id: str) -> list[dict[str, Any]]:
    query = sa.select(_FILLS).where(_FILLS.c.run_id == run_id).order_by(_FILLS.c.number)
    return [dict(row) for row in connection.execute(query).mappings()]


def _frame(table: sa.Table, rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={c.name: _POLARS[type(c.type)] for c in table.c})
