"""Who has earned what, out of the exchange's own books: integers, that add up to what was deposited."""

from __future__ import annotations

from collections import defaultdict

import polars as pl

from counterpoise.sim.agents.kernels import layout as at
from counterpoise.sim.agents.world import AgentWorld
from counterpoise.sim.exchange.floor import RESERVED_ACCOUNTS
from counterpoise.sim.exchange.kernels import layout as x
from counterpoise.sim.exchange.kernels.money import signed_value
from counterpoise.sim.exchange.kernels.orders import market_at, money_at, position_at

__all__ = ["agent_ledger", "venue_ledger"]


def venue_ledger(world: AgentWorld) -> pl.DataFrame:
    """Money by currency: deposited, with traders, with the venues, and the cost of open positions.

    ``traders + venue + fund − cost = deposited`` to the last grain: a trade moves cash and cost alike, a fee goes to the venue,
    funding from one trader to another and its rounding to the venue.

    Returns
    -------
    pl.DataFrame
        A row a currency, all in grains: ``currency``, ``deposited``, ``traders``, ``venue``, ``fund``, ``cost``.
    """
    ex, currencies = world.ex, world.exchange.currencies
    accounts = range(RESERVED_ACCOUNTS, int(ex[x.ACCOUNT_COUNT]))
    deposited = [world.deposit_of(account) for account in accounts]
    cost = dict.fromkeys(range(len(currencies)), 0)
    for market in range(len(world.config.places)):
        currency = int(ex[market_at(ex, market) + x.CURRENCY])
        for account in range(int(ex[x.ACCOUNT_COUNT])):
            cost[currency] += int(ex[position_at(ex, account, market) + x.COST])
    rows = [
        {
            "currency": name,
            "deposited": sum(int(deposits[currency]) for deposits in deposited),
            "traders": sum(int(ex[money_at(ex, account, currency) + x.CASH]) for account in accounts),
            "venue": int(ex[money_at(ex, x.VENUE, currency) + x.CASH]),
            "fund": int(ex[money_at(ex, x.FUND, currency) + x.CASH]),
            "cost": cost[currency],
        }
        for currency, name in enumerate(currencies)
    ]
    return pl.DataFrame(rows)


def agent_ledger(world: AgentWorld) -> pl.DataFrame:
    """What each type of agent did, positions and coins valued at the last mids.

    Returns
    -------
    pl.DataFrame
        A row a type: ``type``, ``agents``, ``messages``, ``traded`` (value of both sides at the last mids), ``fees``,
        ``profit`` (fees paid, in USDT).
    """
    rows: dict[str, list[float]] = defaultdict(lambda: [0.0] * 5)
    rates = _rates(world)
    for number, line in enumerate(world.lines):
        if line.account >= 0:
            row = int(world.world[at.AGENT_ROWS]) + number * at.AGENT_SIZE
            found = 1.0, float(world.world[row + at.A_SENT]), *_account(world, line.account, rates)
            rows[line.type] = [a + b for a, b in zip(rows[line.type], found, strict=True)]
    names = ("agents", "messages", "traded", "fees", "profit")
    frame = pl.DataFrame([{"type": name, **dict(zip(names, row, strict=True))} for name, row in rows.items()])
    return frame.with_columns(pl.col("agents", "messages").cast(pl.Int64))


def _account(world: AgentWorld, account: int, rates: list[float]) -> tuple[float, float, float]:
    """Traded value, fees, profit of an account [USDT]."""
    ex, traded, fees = world.ex, 0.0, 0.0
    earned = [int(ex[money_at(ex, account, c) + x.CASH]) - int(deposit) for c, deposit in enumerate(world.deposit_of(account))]
    for market, mid in enumerate(world.mid_ticks()):
        row, position = market_at(ex, market), position_at(ex, account, market)
        currency = int(ex[row + x.CURRENCY])
        fees += rates[currency] * int(ex[position + x.FEES_PAID])
        traded += rates[currency] * mid * int(ex[position + x.TRADED]) * int(ex[row + x.GRAINS])
        if ex[row + x.PAYOFF] != x.SPOT:
            earned[currency] += int(signed_value(ex, row, mid, int(ex[position + x.POSITION_LOTS]))) - int(
                ex[position + x.COST]
            )
    return traded, fees, sum(rate * grains for rate, grains in zip(rates, earned, strict=True))


def _rates(world: AgentWorld) -> list[float]:
    """What a grain of each currency is worth at the last mids [USDT]; of a coin by its last market, spot before perpetual."""
    prices = {"USDT": 1.0}
    outrights = zip(world.config.outrights, world.config.instruments, world.mid_ticks(), strict=False)
    for _, instrument, mid in sorted(outrights, key=lambda market: market[0].kind):
        prices[instrument.base] = instrument.price(mid)
    return [float(world.exchange.grain(name)) * prices[name] for name in world.exchange.currencies]
