"""The exchange in Python: accounts by name, orders as `market.order`, what it says as events and frames."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Final, NamedTuple

import numpy as np
import polars as pl

from counterpoise.core.arrays import Int1D, Int2D
from counterpoise.core.config import config_hash
from counterpoise.core.errors import InputError, UnknownName
from counterpoise.core.units import parse_decimal
from counterpoise.market.event import Events
from counterpoise.market.instrument import Instrument
from counterpoise.market.order import Order, OrderType, PriceReference, RejectReason, TimeInForce, TriggerKind
from counterpoise.sim.exchange.floor import RESERVED_ACCOUNTS, new_exchange, new_outputs
from counterpoise.sim.exchange.kernels import codes, control, layout, requests
from counterpoise.sim.exchange.kernels.batch import Q_NUMBER, Q_TAG, Q_TS, REQUEST_COLUMNS, run_requests
from counterpoise.sim.exchange.kernels.orders import market_at, money_at
from counterpoise.sim.exchange.kernels.outputs import room, tell_snapshot
from counterpoise.sim.exchange.kernels.readers import best_lots, best_price
from counterpoise.sim.exchange.ledger import balance_frame, position_frame, total_grains
from counterpoise.sim.exchange.reports import REASONS, report_frame
from counterpoise.sim.exchange.rules import ExchangeConfig
from counterpoise.sim.exchange.tape import tape_events

__all__ = ["Exchange", "ExchangeMemory", "order_kind"]

_ROOM_REQUESTS: Final = 4
_INT_LIMIT: Final = 2**62
_LIVES: Final = {TimeInForce.IOC: codes.IMMEDIATE, TimeInForce.FOK: codes.FILL_OR_KILL, TimeInForce.POST_ONLY: codes.POST_ONLY}


class ExchangeMemory(NamedTuple):
    """All that an exchange remembers; for the version and config that made it."""

    config_hash: str
    words: Int1D
    accounts: tuple[str, ...]
    client_ids: tuple[str, ...]
    numbers: dict[tuple[int, str], int]


class Exchange:
    """A matching exchange.

    Parameters
    ----------
    config : ExchangeConfig

    Notes
    -----
    Every request is answered at once: None when it was taken, or the reason why not; what came of it is in `reports` and
    `events`. Requests of an id used before, or with numbers of 2⁶² and more, are answered here and not reported. An account is
    a name that was opened; ``"venue"`` and ``"fund"`` are the exchange's own.
    """

    def __init__(self, config: ExchangeConfig) -> None:
        self.config: Final = config
        self._ex = new_exchange(config)
        self._tape, self._reports = new_outputs(config, requests=_ROOM_REQUESTS)
        self._markets: Final = {rules.instrument.id: number for number, rules in enumerate(config.markets)}
        self._accounts = ["venue", "fund"]
        self._client_ids: list[str] = []
        self._numbers: dict[tuple[int, str], int] = {}
        self._told: list[Int2D] = []
        self._said: list[Int2D] = []

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        return tuple(rules.instrument for rules in self.config.markets)

    @property
    def words(self) -> Int1D:
        """The flat array itself, for kernels (`counterpoise.sim.exchange.kernels.requests`)."""
        return self._ex

    def open_account(self, name: str, *, tier: int = 0) -> int:
        """Open an account; returns its number, by which kernels know it."""
        if name in self._accounts:
            raise InputError(f"account {name!r} is open already; choose another name")
        if len(self._accounts) == self.config.accounts + RESERVED_ACCOUNTS:
            raise InputError(f"all {self.config.accounts} accounts are open; raise `accounts` of the config")
        if not 0 <= tier < len(self.config.fee_tiers):
            raise InputError(f"tier is {tier}; expected 0 to {len(self.config.fee_tiers) - 1}")
        self._accounts.append(name)
        control.set_tier(self._ex, len(self._accounts) - 1, tier)
        return len(self._accounts) - 1

    def deposit(self, account: str, currency: str, amount: str | int | Decimal) -> None:
        """Bring money from outside into an account; a whole, positive number of grains."""
        control.deposit(self._ex, self._account(account), self._currency(currency), self._grains(currency, amount))

    def withdraw(self, account: str, currency: str, amount: str | int | Decimal) -> None:
        """Take money out of an account, no more than is there and not held back; what open positions owe is not looked at."""
        number, place, grains = self._account(account), self._currency(currency), self._grains(currency, amount)
        money = money_at(self._ex, number, place)
        free = int(self._ex[money + layout.CASH] - self._ex[money + layout.HELD])
        if grains > free:
            raise InputError(f"{account} has {free * self.config.grain(currency)} {currency} free; it cannot give {amount}")
        control.deposit(self._ex, number, place, -grains)

    def submit(self, account: str, order: Order, *, ts_ns: int) -> RejectReason | None:
        """Send an order; an id that its account used before is refused and not sent."""
        number, market = self._account(account), self._market(order.instrument)
        if (number, order.client_id) in self._numbers:
            return RejectReason.DUPLICATE_ID
        trigger = 0 if order.asks.trigger is None else order.asks.trigger.price_ticks
        if max(order.price_ticks, order.qty_lots, trigger) >= _INT_LIMIT:
            return RejectReason.OFF_GRID
        self._make_room(ts_ns)
        tag = len(self._client_ids)
        self._client_ids.append(order.client_id)
        terms = (
            market,
            number,
            order.side,
            order_kind(order),
            order.price_ticks,
            order.qty_lots,
            tag,
            order.asks.display_lots,
            trigger,
        )
        answer = int(requests.place_with(self._ex, self._tape, self._reports, ts_ns, *terms))
        self._numbers[number, order.client_id] = max(answer, 0)
        return _reason(answer)

    def amend(self, account: str, client_id: str, *, price_ticks: int, qty_lots: int, ts_ns: int) -> RejectReason | None:
        """Change price and lots left of an order; its place is kept only when nothing but the size falls."""
        if max(abs(price_ticks), abs(qty_lots)) >= _INT_LIMIT:
            return RejectReason.OFF_GRID
        self._make_room(ts_ns)
        number = self._numbers.get((self._account(account), client_id), 0)
        return _reason(requests.amend(self._ex, self._tape, self._reports, ts_ns, number, price_ticks, qty_lots))

    def cancel(self, account: str, client_id: str, *, ts_ns: int) -> RejectReason | None:
        self._make_room(ts_ns)
        number = self._numbers.get((self._account(account), client_id), 0)
        return _reason(requests.cancel(self._ex, self._tape, self._reports, ts_ns, number))

    def cancel_all(self, account: str, instrument: str, *, ts_ns: int) -> int:
        """Cancel an account's orders in a market; returns how many there were."""
        number, market, count = self._account(account), self._market(instrument), 0
        while True:
            self._make_room(ts_ns)
            gone = int(requests.cancel_all(self._ex, self._tape, self._reports, ts_ns, market, number))
            count += gone
            if gone < self.config.max_fills:
                return count

    def run(self, rows: Int2D) -> Int1D:
        """Carry out requests given as rows, see `counterpoise.sim.exchange.kernels.batch`; returns their answers.

        Tags are not client ids here: reports of these orders have no ``client_id``.
        """
        if rows.ndim != 2 or rows.shape[1] != REQUEST_COLUMNS or rows.dtype != np.int64:
            raise InputError(f"requests are rows of {REQUEST_COLUMNS} int64; found {rows.dtype} of shape {rows.shape}")
        ahead = np.flatnonzero(-1 - rows[:, Q_NUMBER] >= np.arange(len(rows)))
        if len(ahead):
            raise InputError(f"row {ahead[0]} refers to row {-1 - rows[ahead[0], Q_NUMBER]}; expected an earlier one")
        rows = rows.copy()
        rows[:, Q_TAG] = -1
        answers, done = np.zeros(len(rows), np.int64), 0
        while done < len(rows):
            self._make_room(int(rows[done, Q_TS]))
            done = int(run_requests(self._ex, self._tape, self._reports, rows, answers, done))
        return answers

    def set_index(self, instrument: str, price_ticks: int) -> None:
        """Price of a market's index, 0 for none; it counts from the next `keep_time` on."""
        market = self._market(instrument)
        highest = self.config.markets[market].max_price_ticks
        if not 0 <= price_ticks <= highest:
            raise InputError(f"index of {instrument} at {price_ticks} ticks; expected 0 to {highest}")
        control.set_index(self._ex, market, price_ticks)

    def keep_time(self, ts_ns: int) -> None:
        """Bring every market to a time: samples, funding that is due, marks, and triggers by the mark."""
        for market in range(len(self._markets)):
            self._make_room(ts_ns)
            control.keep_time(self._ex, self._tape, self._reports, ts_ns, market)

    def halt(self, instrument: str) -> None:
        """Take cancels only."""
        control.set_status(self._ex, self._market(instrument), codes.HALTED)

    def call_auction(self, instrument: str) -> None:
        """Let limit orders rest unmatched until `reopen`."""
        control.set_status(self._ex, self._market(instrument), codes.AUCTION)

    def reopen(self, instrument: str, *, ts_ns: int) -> None:
        """End a halt or an auction; what is crossed is matched at one price (`counterpoise.sim.exchange.kernels.auction`)."""
        market = self._market(instrument)
        while True:
            self._make_room(ts_ns)
            if not control.open_market(self._ex, self._tape, self._reports, ts_ns, market):
                return

    def top(self, instrument: str) -> tuple[int, int, int, int]:
        """Best bid, its lots, best ask, its lots; 0 where a side is empty."""
        market = self._market(instrument)
        sides = [(int(best_price(self._ex, market, side)), int(best_lots(self._ex, market, side))) for side in (1, -1)]
        return sides[0] + sides[1]

    def mark(self, instrument: str) -> int:
        """Mark [ticks], 0 when there is none yet."""
        return int(self._ex[market_at(self._ex, self._market(instrument)) + layout.MARK])

    def events(self) -> Mapping[str, Events]:
        """Public events since the last call, by instrument."""
        self._drain()
        rows = np.concatenate(self._told) if self._told else self._tape[:0]
        self._told = []
        return dict(zip(self._markets, tape_events(rows, markets=len(self._markets)), strict=True))

    def snapshot(self, instrument: str, *, ts_ns: int) -> None:
        """Put the whole book of a market on the tape, as a venue does for a reader that begins."""
        self._drain()
        market = int(market_at(self._ex, self._market(instrument)))
        levels = int(self._ex[market + layout.BIDS + layout.COUNT] + self._ex[market + layout.ASKS + layout.COUNT])
        rows = np.zeros((levels + 1, self._tape.shape[1]), np.int64)
        tell_snapshot(self._ex, rows, market, ts_ns)
        self._told.append(rows[: self._ex[layout.TAPE_ROWS]])
        self._ex[layout.TAPE_ROWS] = 0

    def reports(self) -> pl.DataFrame:
        """What orders came to since the last call, as `counterpoise.sim.exchange.reports.report_frame`."""
        self._drain()
        rows = np.concatenate(self._said) if self._said else self._reports[:0]
        self._said = []
        return report_frame(rows, instruments=list(self._markets), accounts=self._accounts, client_ids=self._client_ids)

    def balances(self) -> pl.DataFrame:
        """Cash of every account and currency, as `counterpoise.sim.exchange.ledger.balance_frame`."""
        return balance_frame(self._ex, self.config, self._accounts)

    def positions(self) -> pl.DataFrame:
        """Open positions, as `counterpoise.sim.exchange.ledger.position_frame`."""
        return position_frame(self._ex, self.config, self._accounts)

    def total(self, currency: str) -> int:
        """Cash − cost of all accounts together [grains]: what was deposited and not withdrawn, to the last one."""
        return total_grains(self._ex, self.config, self._currency(currency))

    def save(self) -> ExchangeMemory:
        """A copy of all it remembers; rows not taken yet are kept out of it."""
        self._drain()
        return ExchangeMemory(
            config_hash(self.config), self._ex.copy(), tuple(self._accounts), tuple(self._client_ids), dict(self._numbers)
        )

    def restore(self, memory: ExchangeMemory) -> None:
        """Go on from a memory of an exchange of the same config; untaken rows are dropped."""
        if memory.config_hash != config_hash(self.config):
            raise InputError(f"a memory of config {memory.config_hash}; this exchange is {config_hash(self.config)}")
        self._ex[:] = memory.words
        self._accounts, self._client_ids = list(memory.accounts), list(memory.client_ids)
        self._numbers, self._told, self._said = dict(memory.numbers), [], []

    def _account(self, name: str) -> int:
        try:
            return self._accounts.index(name)
        except ValueError:
            raise UnknownName("account", name, self._accounts) from None

    def _market(self, instrument: str) -> int:
        try:
            return self._markets[instrument]
        except KeyError:
            raise UnknownName("instrument of this exchange", instrument, self._markets) from None

    def _currency(self, name: str) -> int:
        if name not in self.config.currencies:
            raise UnknownName("currency of this exchange", name, self.config.currencies)
        return self.config.currencies.index(name)

    def _grains(self, currency: str, amount: str | int | Decimal) -> int:
        self._currency(currency)
        grains = Fraction(parse_decimal(amount, what=f"amount of {currency}")) / self.config.grain(currency)
        if grains.denominator != 1 or not 0 < grains < 2**62:
            raise InputError(f"{amount} {currency}; expected a positive number of grains of {self.config.grain(currency)}")
        return int(grains)

    def _make_room(self, ts_ns: int) -> None:
        """Take the rows that are there, until due triggers and one request more have room."""
        while not room(self._ex, self._tape, self._reports) or self._ex[layout.DUE_MARKETS]:
            self._drain()
            requests.settle_due(self._ex, self._tape, self._reports, ts_ns)

    def _drain(self) -> None:
        told, said = int(self._ex[layout.TAPE_ROWS]), int(self._ex[layout.REPORT_ROWS])
        if told:
            self._told.append(self._tape[:told].copy())
        if said:
            self._said.append(self._reports[:said].copy())
        self._ex[layout.TAPE_ROWS] = self._ex[layout.REPORT_ROWS] = 0


def order_kind(order: Order) -> int:
    """Bits of an order's kind, as the kernels take it."""
    kind = _LIVES.get(order.time_in_force, codes.LIMIT)
    kind |= codes.MARKET if order.type is OrderType.MARKET else 0
    kind |= codes.REDUCE_ONLY if order.asks.reduce_only else 0
    trigger = order.asks.trigger
    if trigger is not None:
        kind |= codes.STOP if trigger.kind is TriggerKind.STOP else codes.TAKE_PROFIT
        kind |= codes.BY_MARK if trigger.reference is PriceReference.MARK else 0
    return kind


def _reason(answer: int) -> RejectReason | None:
    return REASONS[-answer] if answer < 0 else None
