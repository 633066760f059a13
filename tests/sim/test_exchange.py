"""The exchange by hand: what each rule comes to, in numbers computed on paper."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from msgspec import structs

from counterpoise.core.errors import ConfigError, InputError, UnknownName
from counterpoise.core.units import HOUR_NS, SECOND_NS
from counterpoise.market.instrument import Instrument, InstrumentKind
from counterpoise.market.order import (
    Conditions,
    Order,
    OrderType,
    PriceReference,
    RejectReason,
    TimeInForce,
    Trigger,
    TriggerKind,
)
from counterpoise.sim.exchange.exchange import Exchange
from counterpoise.sim.exchange.kernels import readers
from counterpoise.sim.exchange.kernels.batch import (
    CANCEL,
    Q_ACCOUNT,
    Q_LOTS,
    Q_NUMBER,
    Q_PRICE,
    Q_SIDE,
    Q_WHAT,
    REQUEST_COLUMNS,
)
from counterpoise.sim.exchange.rules import ExchangeConfig, FeeTier, FundingRules, MarketRules
from reference.exchange_pair import INVERSE, SPOT
from reference.exchange_pair import LINEAR as WITH_LEAST_NOTIONAL

FREE = (FeeTier(maker_ppm=0, taker_ppm=0),)
LINEAR = structs.replace(WITH_LEAST_NOTIONAL, min_notional="0")
STOP, TAKE = TriggerKind.STOP, TriggerKind.TAKE_PROFIT


class Desk:
    """An exchange of one market, spoken to in few words; one tick × lot of LINEAR is .001 USD = 1,000 grains."""

    def __init__(self, instrument: Instrument = LINEAR, tiers: tuple[FeeTier, ...] = FREE, **rules: Any) -> None:
        market = MarketRules(instrument=instrument, reach_ticks=1024, **rules)
        self.exchange = Exchange(ExchangeConfig(markets=(market,), fee_tiers=tiers, accounts=6, orders=64, max_fills=16))
        self.instrument, self.count, self.ts = instrument, 0, 0
        for name in "abcd":
            self.exchange.open_account(name)

    def send(self, account: str, side: int, lots: int, price: int = 0, **terms: Any) -> RejectReason | None:
        """The n-th order sent is called n."""
        self.count += 1
        self.ts += 1
        asks = {name: terms.pop(name) for name in ("display_lots", "reduce_only", "trigger") if name in terms}
        order = Order(
            client_id=str(self.count),
            instrument=self.instrument.id,
            side=side,
            qty_lots=lots,
            price_ticks=price,
            type=OrderType.LIMIT if price else OrderType.MARKET,
            conditions=Conditions(**asks),
            **terms,
        )
        return self.exchange.submit(account, order, ts_ns=self.ts)

    def heard(self) -> list[str]:
        """What orders came to since the last call, in short."""
        out = []
        for row in self.exchange.reports().iter_rows(named=True):
            if row["said"] == "fill":
                out.append(f"{row['client_id']} {row['lots']}@{row['price_ticks']}{' maker' if row['maker'] else ''}")
            else:
                out.append(
                    f"{row['client_id']} {row['said']} {row['left_lots']}" + (f" {row['reason']}" if row["reason"] else "")
                )
        return out

    def fills(self) -> list[str]:
        """Makers of the trades since the last call, in order."""
        return [line.removesuffix(" maker") for line in self.heard() if line.endswith("maker")]

    def grains(self, account: str, currency: str = "USD") -> int:
        frame = self.exchange.balances()
        return int(frame.filter(account=account, currency=currency)["grains"].item())


def trigger(kind: TriggerKind, price: int, reference: PriceReference = PriceReference.LAST) -> Trigger:
    return Trigger(kind=kind, price_ticks=price, reference=reference)


def test_price_then_time() -> None:
    desk = Desk()
    for account, lots, price in (("a", 5, 1001), ("b", 5, 1000), ("c", 5, 1000), ("a", 5, 1002)):
        desk.send(account, -1, lots, price)
    desk.heard()
    desk.send("d", 1, 13, 1001)
    assert desk.heard() == ["2 5@1000 maker", "5 5@1000", "3 5@1000 maker", "5 5@1000", "1 3@1001 maker", "5 3@1001"]
    assert desk.exchange.top(LINEAR.id) == (0, 0, 1001, 2)


def test_an_amendment_keeps_its_place_only_when_it_falls() -> None:
    desk = Desk()
    for account in "abc":
        desk.send(account, 1, 5, 1000)
    assert desk.exchange.amend("a", "1", price_ticks=1000, qty_lots=4, ts_ns=9) is None
    assert desk.exchange.amend("b", "2", price_ticks=1000, qty_lots=6, ts_ns=9) is None
    desk.heard()
    desk.send("d", -1, 15, 1000)
    assert desk.fills() == ["1 4@1000", "3 5@1000", "2 6@1000"]


def test_an_iceberg_refills_at_the_back() -> None:
    desk = Desk()
    desk.send("a", 1, 10, 1000, display_lots=4)
    desk.send("b", 1, 5, 1000)
    assert desk.exchange.top(LINEAR.id)[:2] == (1000, 9)
    desk.heard()
    desk.send("c", -1, 12)
    assert desk.fills() == ["1 4@1000", "2 5@1000", "1 3@1000"]
    assert desk.exchange.top(LINEAR.id)[:2] == (1000, 1)
    desk.send("c", -1, 3)
    assert desk.fills() == ["1 1@1000", "1 2@1000"]


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("allowed", ["1 5@1000 maker", "3 5@1000", "2 3@1000 maker", "3 3@1000"]),
        ("cancel_newest", ["3 cancelled 8 self_match"]),
        ("cancel_oldest", ["1 cancelled 5 self_match", "2 5@1000 maker", "3 5@1000", "3 cancelled 3"]),
        ("cancel_both", ["1 cancelled 5 self_match", "3 cancelled 8 self_match"]),
        ("decrement", ["1 cancelled 5 self_match", "3 working 3 self_match", "2 3@1000 maker", "3 3@1000"]),
    ],
)
def test_self_trade_prevention(mode: Any, said: list[str]) -> None:
    desk = Desk(self_trade=mode)
    desk.send("a", 1, 5, 1000)
    desk.send("b", 1, 5, 1000)
    desk.heard()
    desk.send("a", -1, 8, 1000, time_in_force=TimeInForce.IOC)
    assert desk.heard() == said


def test_fill_or_kill() -> None:
    desk = Desk()
    desk.send("a", -1, 4, 1000)
    desk.send("b", -1, 9, 1001, display_lots=2)
    assert desk.send("c", 1, 14, 1001, time_in_force=TimeInForce.FOK) is RejectReason.CANNOT_FILL
    assert desk.send("c", 1, 5, 1000, time_in_force=TimeInForce.FOK) is RejectReason.CANNOT_FILL
    desk.heard()
    assert desk.send("c", 1, 13, 1001, time_in_force=TimeInForce.FOK) is None
    assert desk.heard()[-1] == "5 1@1001"
    assert desk.exchange.top(LINEAR.id) == (0, 0, 0, 0)


def test_a_reduce_only_order_never_turns_a_position() -> None:
    desk = Desk()
    desk.send("a", 1, 5, 1000)
    desk.send("b", -1, 5)
    assert desk.send("a", 1, 1, 1000, reduce_only=True) is RejectReason.WOULD_NOT_REDUCE
    desk.send("a", -1, 4, 1002, reduce_only=True)
    desk.send("a", -1, 4, 1003, reduce_only=True)
    desk.heard()
    desk.send("c", 1, 10, 1003)
    assert desk.heard() == [
        "4 4@1002 maker",
        "6 4@1002",
        "5 1@1003 maker",
        "6 1@1003",
        "5 cancelled 3 would_not_reduce",
        "6 working 5",
    ]
    assert desk.exchange.positions().filter(account="a")["signed_lots"].item() == 0


def test_stops_fire_nearest_first_and_set_off_others() -> None:
    """A ladder: a sale at 999 lets the stop at 999 sell to 998, which lets the one at 998 sell to 997."""
    desk = Desk()
    for price in (1000, 999, 998, 997):
        desk.send("a", 1, 2, price)
    desk.send("b", -1, 2)
    desk.send("b", -1, 2, trigger=trigger(STOP, 998))
    desk.send("c", -1, 2, trigger=trigger(STOP, 999))
    assert desk.send("c", -1, 2, trigger=trigger(STOP, 1000)) is RejectReason.TRIGGER_PASSED
    desk.send("c", -1, 1, 1004, trigger=trigger(TAKE, 1001))
    desk.heard()
    desk.send("d", -1, 2, 999)
    assert [line for line in desk.heard() if "maker" not in line] == [
        "10 2@999",
        "7 triggered 2",
        "7 2@998",
        "6 triggered 2",
        "6 2@997",
    ]
    assert desk.exchange.cancel("c", "9", ts_ns=99) is None
    assert desk.heard() == ["9 cancelled 1"]


def test_a_trigger_by_the_mark_waits_for_the_mark() -> None:
    desk = Desk(mark="index")
    desk.send("a", -1, 5, 1010)
    desk.send("b", 1, 5, trigger=trigger(STOP, 1005, PriceReference.MARK))
    desk.exchange.set_index(LINEAR.id, 1004)
    desk.exchange.keep_time(SECOND_NS)
    desk.heard()
    desk.exchange.set_index(LINEAR.id, 1005)
    assert desk.heard() == []
    desk.exchange.keep_time(2 * SECOND_NS)
    assert desk.heard() == ["2 triggered 5", "1 5@1010 maker", "2 5@1010"]


def test_bands_around_the_mark() -> None:
    desk = Desk(mark="index", band_ppm=10_000)
    desk.exchange.set_index(LINEAR.id, 1005)
    desk.exchange.keep_time(1)
    assert desk.send("a", 1, 2, 1016) is RejectReason.PRICE_BAND  # 1005 × 1.01 = 1015.05
    assert desk.send("a", -1, 2, 994) is RejectReason.PRICE_BAND  # 1005 × .99 = 994.95
    assert desk.send("a", -1, 2, 995) is None
    assert desk.send("a", -1, 2, 1040) is None
    desk.heard()
    desk.send("b", 1, 4)
    assert desk.heard() == ["3 2@995 maker", "5 2@995", "5 cancelled 2 price_band"]  # the rest stands at 1040


def test_halt_and_auction() -> None:
    """The worked case of docs/theory/exchange.md: 20 lots at 1001."""
    desk = Desk(mark="index")
    desk.exchange.set_index(LINEAR.id, 1002)
    desk.exchange.keep_time(1)
    desk.exchange.halt(LINEAR.id)
    assert desk.send("a", 1, 2, 1000) is RejectReason.HALTED
    desk.exchange.call_auction(LINEAR.id)
    assert desk.send("a", 1, 2) is RejectReason.HALTED
    for account, side, lots, price in (
        ("a", 1, 10, 1002),
        ("b", 1, 10, 1001),
        ("c", 1, 10, 999),
        ("d", -1, 5, 998),
        ("d", -1, 10, 999),
        ("c", -1, 10, 1001),
    ):
        desk.send(account, side, lots, price)
    desk.heard()
    desk.exchange.events()
    desk.exchange.reopen(LINEAR.id, ts_ns=50)
    trades = desk.exchange.events()[LINEAR.id].to_frame().filter(kind=4)
    assert trades.select("side", "price_ticks", "qty_lots").rows() == [(0, 1001, 5), (0, 1001, 5), (0, 1001, 5), (0, 1001, 5)]
    assert desk.exchange.top(LINEAR.id) == (999, 10, 1001, 5)
    assert desk.send("a", 1, 5, 1001) is None


def test_an_auction_takes_the_price_nearest_to_the_reference() -> None:
    for index, price in ((990, 996), (1000, 1000), (1010, 1004)):
        desk = Desk(mark="index")
        desk.exchange.set_index(LINEAR.id, index)
        desk.exchange.keep_time(1)
        desk.exchange.call_auction(LINEAR.id)
        desk.send("a", 1, 3, 1004)
        desk.send("b", -1, 3, 996)
        desk.exchange.reopen(LINEAR.id, ts_ns=9)
        assert desk.fills()[0] == f"1 3@{price}"


def test_fees_and_linear_profit() -> None:
    desk = Desk(tiers=(FeeTier(maker_ppm=-100, taker_ppm=500),))
    desk.send("a", 1, 7, 1000)
    desk.send("b", -1, 7)
    desk.send("c", 1, 3, 1010)
    desk.send("a", -1, 3)
    # 7 × 1000 ticks are 7,000,000 grains, 3 × 1010 3,030,000; a gains 3 × 10 ticks = 30,000
    assert desk.grains("a") == 700 + 30_000 - 1515
    assert desk.grains("b") == -3500
    assert desk.grains("c") == 303
    assert desk.grains("venue") == 3500 - 700 + 1515 - 303
    assert desk.exchange.total("USD") == 0
    assert desk.exchange.positions().filter(account="a")["profit"].item() is None
    desk.exchange.keep_time(9)  # marks at the last trade
    row = desk.exchange.positions().filter(account="a").row(0, named=True)
    assert (row["signed_lots"], row["cost"], row["profit"]) == (4, 4_000_000, 40_000)


def test_inverse_profit_is_that_of_the_instrument() -> None:
    desk = Desk(INVERSE)
    desk.send("a", 1, 100, 1000)
    desk.send("b", -1, 100)
    desk.send("c", 1, 100, 1100)
    desk.send("a", -1, 100)
    exact = INVERSE.profit(1000, 1100, 100) / Fraction("0.00000001")  # 1000 USD × (1/500 − 1/550)
    assert abs(desk.grains("a", "X") - exact) <= 1
    assert desk.grains("a", "X") == 200_000_000 - 181_818_182
    assert desk.exchange.total("X") == 0


def test_spot_swaps_coins_and_holds_back() -> None:
    desk = Desk(SPOT, tiers=(FeeTier(maker_ppm=0, taker_ppm=1000),))  # 1 lot = .001 X, at 1000 ticks .1 USD
    desk.exchange.deposit("a", "USD", "1.2")
    desk.exchange.deposit("b", "X", "0.02")
    assert desk.send("a", 1, 12, 1000) is RejectReason.INSUFFICIENT_FUNDS  # 1.2 USD, but the fee
    assert desk.send("a", 1, 11, 1000) is None
    assert desk.send("a", 1, 1, 1000) is RejectReason.INSUFFICIENT_FUNDS
    with pytest.raises(InputError, match="free"):
        desk.exchange.withdraw("a", "USD", "0.2")
    assert desk.send("b", -1, 21, 1000) is RejectReason.INSUFFICIENT_FUNDS
    assert desk.send("b", -1, 5, 1000) is None
    assert (desk.grains("a"), desk.grains("a", "X")) == (700_000, 500_000)
    assert (desk.grains("b"), desk.grains("b", "X")) == (499_500, 1_500_000)
    assert desk.exchange.cancel("a", "2", ts_ns=9) is None
    assert desk.exchange.balances()["held_grains"].sum() == 0
    assert (desk.exchange.total("USD"), desk.exchange.total("X")) == (1_200_000, 2_000_000)


def test_funding_by_hand() -> None:
    """Index 1000, quotes 1002 and 1004: the premium is .002; less the clamp of .0005 that is .0015, and the cap is .003."""
    desk = Desk(mark="index", funding=FundingRules())
    desk.exchange.set_index(LINEAR.id, 1000)
    desk.send("a", 1, 10, 1002)
    desk.send("b", -1, 10, 1004)
    desk.send("c", -1, 4, 1002)
    for second in range(3):
        desk.exchange.keep_time(second * SECOND_NS)
    desk.exchange.keep_time(8 * HOUR_NS - 1)
    assert desk.grains("a") == 0
    desk.exchange.keep_time(8 * HOUR_NS)
    paid = 4 * 1000 * 1000 * 15 // 10_000  # 4 lots at the mark of 1000
    assert (desk.grains("a"), desk.grains("c"), desk.grains("venue")) == (-paid, paid, 0)


def test_median_mark() -> None:
    """Last 1020, index 1000, mid 1003: price 1 is 1000, price 2 is 1003, and the median 1003."""
    desk = Desk(mark="median")
    desk.exchange.set_index(LINEAR.id, 1000)
    desk.send("a", -1, 1, 1020)
    desk.send("b", 1, 1)
    desk.send("a", 1, 5, 1001)
    desk.send("b", -1, 5, 1005)
    desk.exchange.keep_time(0)
    assert desk.exchange.mark(LINEAR.id) == 1003


def test_what_the_desk_may_not() -> None:
    desk = Desk()
    with pytest.raises(UnknownName, match="account 'x'"):
        desk.send("x", 1, 1, 1000)
    with pytest.raises(UnknownName, match="currency"):
        desk.exchange.deposit("a", "EUR", 1)
    with pytest.raises(InputError, match="grains"):
        desk.exchange.deposit("a", "USD", "0.0000001")
    with pytest.raises(InputError, match="open already"):
        desk.exchange.open_account("a")
    with pytest.raises(InputError, match="tier is 1"):
        desk.exchange.open_account("e", tier=1)
    assert desk.send("a", 1, 2, 2**70) is RejectReason.OFF_GRID
    assert desk.send("a", 1, 2, 1000) is None
    desk.count -= 1
    assert desk.send("a", 1, 2, 1000) is RejectReason.DUPLICATE_ID
    assert desk.exchange.cancel("b", "3", ts_ns=9) is RejectReason.UNKNOWN_ORDER
    assert desk.exchange.amend("a", "3", price_ticks=1000, qty_lots=0, ts_ns=9) is RejectReason.OFF_GRID


def test_a_memory_goes_on_alike_and_fits_its_config_only() -> None:
    desk = Desk()
    desk.send("a", 1, 5, 1000)
    memory = desk.exchange.save()
    desk.send("b", -1, 3)
    after = desk.exchange.balances(), desk.exchange.top(LINEAR.id)
    desk.exchange.restore(memory)
    assert desk.exchange.top(LINEAR.id)[:2] == (1000, 5)
    desk.count -= 1
    desk.send("b", -1, 3)
    assert desk.exchange.balances().equals(after[0])
    assert desk.exchange.top(LINEAR.id) == after[1]
    with pytest.raises(InputError, match="memory of config"):
        Desk(INVERSE).exchange.restore(memory)


OPTION = Instrument(
    venue="t",
    symbol="O",
    kind=InstrumentKind.OPTION,
    base="X",
    quote="USD",
    settle="USD",
    tick="1",
    lot="1",
    expiry_ns=1,
    strike="1",
    right="C",
)


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        ({"reach_ticks": 1000}, "reach_ticks is 1000; expected a power of two"),
        ({"band_ppm": -1}, "band_ppm is -1; expected 0 to 999,999"),
        ({"instrument": SPOT, "funding": FundingRules()}, "no perpetual"),
        ({"instrument": OPTION, "funding": FundingRules(), "max_lots": 1000, "max_position_lots": 1000}, "no perpetual"),
        ({"max_lots": 2**31 - 1, "max_price_ticks": 2**34}, "stays below 2\\^62"),
        ({"max_position_lots": 2**31 - 1}, "expected at most 68,719,476"),
    ],
)
def test_impossible_markets_are_refused(terms: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        ExchangeConfig(markets=(MarketRules(**({"instrument": LINEAR} | terms)),))


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        ({"markets": ()}, "at least one"),
        ({"fee_tiers": (FeeTier(maker_ppm=-600, taker_ppm=500),)}, "least maker_ppm"),
        ({"orders": 100}, "power of two"),
        ({"grains": {"EUR": "1"}}, "EUR"),
        ({"grains": {"USD": "0.01"}}, "no whole number of grains"),
    ],
)
def test_impossible_exchanges_are_refused(terms: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        ExchangeConfig(**({"markets": (MarketRules(instrument=LINEAR),)} | terms))


def test_what_kernels_read() -> None:
    desk = Desk()
    ex = desk.exchange.words
    for account, lots, price in (("a", 5, 1000), ("b", 7, 1000), ("c", 2, 900)):
        desk.send(account, 1, lots, price)
    desk.send("d", -1, 4, 1003, display_lots=1)
    numbers = desk.exchange.reports()["number"].to_list()
    prices, lots = np.zeros(3, np.int64), np.zeros(3, np.int64)
    assert readers.depth_of(ex, 0, 1, prices, lots) == 2
    assert (prices.tolist(), lots.tolist()) == ([1000, 900, 0], [12, 2, 0])
    assert readers.depth_of(ex, 0, -1, prices[:1], lots[:1]) == 1
    assert (prices[0], lots[0]) == (1003, 1)
    assert readers.mid_times_two(ex, 0) == 2003
    assert [readers.queue_ahead(ex, number) for number in numbers] == [0, 5, 0, 0]
    assert [readers.lots_left(ex, number) for number in (*numbers, 0, 99)] == [5, 7, 2, 4, 0, 0]
    assert [readers.lots_at_price(ex, 0, 1, price) for price in (1000, 999, 10**6)] == [12, 0, 0]
    assert readers.open_lots_of(ex, 0, 3, 1) == 7
    desk.send("d", -1, 6)
    assert (readers.last_price(ex, 0), readers.mark_price(ex, 0)) == (1000, 0)
    assert [readers.position_lots(ex, 0, account) for account in range(2, 6)] == [5, 1, 0, -6]
    assert readers.profit_of(ex, 0, 5, 990) == 60_000
    assert readers.queue_ahead(ex, numbers[0]) == -1


def test_requests_as_rows() -> None:
    desk = Desk()
    rows = np.zeros((3, REQUEST_COLUMNS), np.int64)
    rows[:, Q_ACCOUNT], rows[:, Q_SIDE], rows[:, Q_PRICE], rows[:, Q_LOTS] = 2, 1, (1000, 999, 0), 5
    rows[2, Q_WHAT], rows[2, Q_NUMBER] = CANCEL, -1 - 0
    assert desk.exchange.run(rows).tolist()[2] == 5
    assert desk.exchange.top(LINEAR.id)[:2] == (999, 5)
    rows[2, Q_NUMBER] = -1 - 2
    with pytest.raises(InputError, match="row 2 refers to row 2"):
        desk.exchange.run(rows)
    with pytest.raises(InputError, match="rows of 12 int64"):
        desk.exchange.run(rows[:, :5])
