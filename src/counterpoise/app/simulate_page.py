"""The page of a simulated market: prices by cluster, who earned, each market, imbalance up the tree."""

from __future__ import annotations

from itertools import cycle
from typing import Any, Final

import plotly.graph_objects as go
import polars as pl

from counterpoise.app.chart import short
from counterpoise.app.figures import BLUE, INK, ORANGE, dressed, thinned, times
from counterpoise.app.page import listing, page, picture, table
from counterpoise.core.units import BPS
from counterpoise.market.tree import level_of
from counterpoise.sim.agents.agent_config import AgentMarketConfig

__all__ = ["market_html"]

_DASHES: Final = ("solid", "dot", "dash", "dashdot", "longdash", "longdashdot")
_COLOURS: Final = (BLUE, ORANGE, "#5f9e6e", "#8064a2", "#b65d00")
_MOST_POINTS: Final = 1500
_MONEY: Final = ("traded", "fees", "profit")


def market_html(
    config: AgentMarketConfig, *, markets: pl.DataFrame, agents: pl.DataFrame, mids: pl.DataFrame, nodes: pl.DataFrame
) -> str:
    """One self-contained page.

    Parameters
    ----------
    config : AgentMarketConfig
    markets, agents, mids, nodes : DataFrame
        As `counterpoise.app.simulate.MarketReport` has them.
    """
    cards = [
        (f"{len(config.tokens)}", "tokens"),
        (f"{len(config.places)}", "markets"),
        (short(float(markets["rows"].sum())), "rows of events"),
        (short(float(agents["messages"].sum())), "orders, amends, cancels"),
        (short(float(markets["volume"].sum())), "traded [USDT]"),
        (f"{float(markets['spread_bps'].mean() or 0):.2f} bps", "mean spread"),  # type: ignore[arg-type]
    ]
    sections = [
        picture(
            "Prices",
            "Mid of each token's first market since the opening; a colour a cluster, a dash a token.",
            _prices(config, mids),
        ),
        picture(
            "Flow up the tree",
            "Signed flow over volume of the index and of each cluster: what a whole group is being bought or sold.",
            _imbalance(config, nodes),
        ),
        picture("Who earned", "Profit of each type of agent at the last mids, fees paid.", _profits(agents)),
        listing(
            ("type", "agents", "messages", *_MONEY),
            [
                (
                    row["type"],
                    f"{row['agents']}",
                    f"{row['messages']:,}",
                    *(short(row[n]) for n in ("traded", "fees", "profit")),
                )
                for row in agents.to_dicts()
            ],
        ),
        table("Markets", markets),
        table("Flow of every node", nodes),
    ]
    note = f"{config.duration} from {config.start} UTC, seed {config.seed}. A market of models: no evidence about a real one."
    return page("A market of agents", note, cards, sections)


def _clusters(config: AgentMarketConfig) -> dict[str, str]:
    """A colour for each cluster, in the order of the tokens."""
    names = dict.fromkeys(token.cluster for token in config.tokens)
    return dict(zip(names, cycle(_COLOURS), strict=False))


def _prices(config: AgentMarketConfig, mids: pl.DataFrame) -> Any:
    figure = go.Figure()
    colours = _clusters(config)
    seen = dict.fromkeys(colours, 0)
    first = {place.token: config.instrument(place).id for place in reversed(config.places)}
    for number, token in enumerate(config.tokens):
        shown = thinned(mids.select("ts", mid=pl.col(first[number])).drop_nulls(), "ts", _MOST_POINTS)
        line = {"color": colours[token.cluster], "width": 1.4}
        line["dash"] = _DASHES[seen[token.cluster] % len(_DASHES)]
        seen[token.cluster] += 1
        moved = (shown["mid"] / shown["mid"][0] - 1) / BPS
        figure.add_scatter(x=times(shown["ts"]), y=moved, name=f"{token.name} ({token.cluster})", mode="lines", line=line)
    return dressed(figure, y="since the opening [bps]", height=420)


def _imbalance(config: AgentMarketConfig, nodes: pl.DataFrame) -> Any:
    figure = go.Figure()
    looks = {f"cluster:{name}": colour for name, colour in _clusters(config).items()}
    for node in nodes["node"].unique(maintain_order=True):
        if level_of(node) not in ("index", "cluster"):
            continue
        part = nodes.filter(pl.col("node") == node).group_by_dynamic("ts", every="10s", label="right")
        summed = part.agg(pl.col("signed_usd", "volume_usd").sum()).with_columns(
            imbalance=pl.col("signed_usd") / pl.col("volume_usd")
        )
        line = {"color": looks.get(node, INK), "width": 1.6}
        figure.add_scatter(x=times(summed["ts"]), y=summed["imbalance"], name=node, mode="lines", line=line)
    return dressed(figure, y="signed flow / volume, 10 s", height=320)


def _profits(agents: pl.DataFrame) -> Any:
    figure = go.Figure()
    gains = agents["profit"] >= 0
    figure.add_bar(
        x=agents["profit"],
        y=agents["type"],
        orientation="h",
        marker={"color": [BLUE if gain else ORANGE for gain in gains]},
        text=[short(value, sign=True) for value in agents["profit"]],
        hovertemplate="%{y}: %{x:,.0f} USDT<extra></extra>",
    )
    figure.update_yaxes(autorange="reversed", automargin=True)
    return dressed(figure, y=None, height=60 + 30 * agents.height)
