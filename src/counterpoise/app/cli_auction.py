"""The verbs of the auction: footprint and profile."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from counterpoise.app.cli_options import End, HtmlFile, Json, LakeDir, OutFile, Start, kernels

if TYPE_CHECKING:
    import polars as pl

    from counterpoise.app.auction import AuctionTables, Range

__all__ = ["register"]

Rows = Annotated[int, typer.Option("--rows", help="Height of a row of prices in ticks.")]
_OF = "venue:symbol, or a token that has one market in the lake."


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    app.command(epilog="Example: counterpoise footprint binance_usdm:BTCUSDT --lake lake --bins 1m --rows 50")(footprint)
    app.command(epilog="Example: counterpoise profile binance_usdm:BTCUSDT --lake lake --session utc_day --rows 50")(profile)


def footprint(
    instrument: Annotated[str, typer.Argument(help=_OF, show_default=False)],
    *,
    lake: LakeDir,
    bins: Annotated[str, typer.Option("--bins", help="What ends a bar: 1m, volume:100, trades:500, range:50, ...")] = "1m",
    rows: Rows = 1,
    definition: Annotated[
        str, typer.Option("--definition", help="Of imbalance: atas, flowsurface or chart_patterns.")
    ] = "atas",
    start: Start = "",
    end: End = "",
    html: HtmlFile = None,
    out: OutFile = None,
    as_json: Json = False,
) -> None:
    """Show what aggressors bought and sold at each row of prices, bar by bar; the latest bars that fit the terminal."""
    from counterpoise.adapters.lake import Lake
    from counterpoise.app.auction import lake_footprint
    from counterpoise.app.footprint import footprint_html, footprint_text
    from counterpoise.app.output import note, print_json, require_ending, write_text
    from counterpoise.core.progress import progress
    from counterpoise.flow.bins import Bins

    if out is not None:
        require_ending(out)
    ended_by = Bins.parse(bins)
    with kernels(), progress("footprint", 1.0) as show:
        made = lake_footprint(
            instrument,
            lake=Lake(lake),
            bins=ended_by,
            row_ticks=rows,
            definition=definition,
            within=_range(start, end),
            progress=show,
        )
    if html is not None:
        write_text(footprint_html(made.rows, made.bars, made.instrument), html)
    if as_json:
        said = {"instrument": made.instrument.id, "bins": str(ended_by), "row_ticks": rows, "definition": definition}
        print_json(said | {"bars": _plain(made.bars), "rows": _plain(made.rows)})
    else:
        columns, lines = _screen()
        typer.echo(footprint_text(made.rows, made.bars, made.instrument, width=columns, height=lines), nl=False)
        note(f"{made.bars.height:,} bars; all of them with --html or --out")
    _written(made.rows, out=out, html=html)


def profile(
    instrument: Annotated[str, typer.Argument(help=_OF, show_default=False)],
    *,
    lake: LakeDir,
    session: Annotated[
        str, typer.Option("--session", help="utc_day, regions, asia, europe, us, or a part of the day as 13:30-20:00.")
    ] = "utc_day",
    kind: Annotated[str, typer.Option("--kind", help="volume, or market: letters of periods.")] = "volume",
    area: Annotated[str, typer.Option("--area", help="Definition of the value area: classic, atas or one_row.")] = "classic",
    share: Annotated[float, typer.Option("--share", help="Of all quantity that the value area holds at least.")] = 0.7,
    period: Annotated[str, typer.Option("--period", help="Length of a letter.")] = "30m",
    rows: Rows = 1,
    start: Start = "",
    end: End = "",
    html: HtmlFile = None,
    out: OutFile = None,
    as_json: Json = False,
) -> None:
    """Show what traded at each price of a session, with point of control and value area; the latest session of the range."""
    from counterpoise.adapters.lake import Lake
    from counterpoise.app.auction import lake_profile, sessions_named
    from counterpoise.app.output import print_json, require_ending, write_text
    from counterpoise.core.progress import progress
    from counterpoise.core.units import parse_duration

    if out is not None:
        require_ending(out)
    with kernels(), progress("profile", 1.0) as show:
        made = lake_profile(
            instrument,
            lake=Lake(lake),
            sessions=sessions_named(session),
            kind=kind,
            row_ticks=rows,
            area=area,
            share=share,
            period_ns=parse_duration(period),
            within=_range(start, end),
            progress=show,
        )
    if html is not None:
        write_text(_profile_html(made, kind, area=area, share=share), html)
    if as_json:
        said = {"instrument": made.instrument.id, "session": session, "kind": kind, "area": area, "row_ticks": rows}
        print_json(said | {"share": share, "sessions": _plain(made.bars), "rows": _plain(made.rows)})
    else:
        _show_profile(made, kind, area=area, share=share)
    _written(made.rows, out=out, html=html)


def _show_profile(made: AuctionTables, kind: str, *, area: str, share: float) -> None:
    from counterpoise.app.letters import letters_text
    from counterpoise.app.output import note
    from counterpoise.app.profile import profile_text
    from counterpoise.flow.auction.value_area import value_area

    columns, lines = _screen()
    last, bars = _latest(made.rows), _latest(made.bars)
    if kind == "market" or last.height == 0:
        text = letters_text(last, bars, made.instrument, width=columns, height=lines)
    else:
        found = value_area(last, made.instrument, definition=area, share=share)
        text = profile_text(last, made.instrument, area=found, width=columns, height=lines)
    typer.echo(text, nl=False)
    if made.bars.height:
        ends = [f"{name} to {ts:%Y-%m-%d %H:%M}" for name, ts in made.bars.select("session", "ts").rows()]
        earlier = f"; before it: {', '.join(ends[:-1][-5:])}; see them with --end or --out" if len(ends) > 1 else ""
        note(f"session {ends[-1]} UTC{earlier}")


def _profile_html(made: AuctionTables, kind: str, *, area: str, share: float) -> str:
    from counterpoise.app.letters import letters_html
    from counterpoise.app.profile import profile_html
    from counterpoise.core.errors import InputError
    from counterpoise.flow.auction.value_area import value_area

    last = _latest(made.rows)
    if last.height == 0:
        raise InputError("no trade in these sessions, so there is no page; choose another --session or range")
    if kind == "market":
        return letters_html(last, _latest(made.bars), made.instrument)
    found = value_area(last, made.instrument, definition=area, share=share)
    return profile_html(last, made.instrument, area=found)


def _latest(frame: pl.DataFrame) -> pl.DataFrame:
    """Rows of the session that ends last."""
    import polars as pl

    return frame.filter(pl.col("ts") == pl.col("ts").max())


def _range(start: str, end: str) -> Range:
    from counterpoise.app.auction import Range
    from counterpoise.core.units import parse_time

    return Range(parse_time(start) if start else None, parse_time(end) if end else None)


def _screen() -> tuple[int, int]:
    """Characters and lines a chart may take: less than the terminal, so that what is asked stays in sight."""
    columns, lines = shutil.get_terminal_size((100, 50))
    return columns, max(10, lines - 10)


def _plain(frame: pl.DataFrame) -> list[dict[str, object]]:
    from counterpoise.app.output import plain

    return plain(frame)


def _written(frame: pl.DataFrame, *, out: Path | None, html: Path | None) -> None:
    from counterpoise.app.output import note, write_frame

    if out is not None:
        write_frame(frame, out)
    for path in (html, out):
        if path is not None:
            note(f"written: {path}")
