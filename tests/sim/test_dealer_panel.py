"""Dealers who are asked: lifecycle by hand, ledgers that add up, and the closed-form frontier against the panel itself."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from counterpoise.core.errors import ConfigError, InputError
from counterpoise.core.units import SECOND_NS
from counterpoise.flow.impact.impact import Impact, TemporaryImpact, TransientImpact
from counterpoise.market.event import GAP, SNAPSHOT
from counterpoise.market.instrument import Instrument, InstrumentKind
from counterpoise.market.order import Approved, Fill, Order, OrderType
from counterpoise.sim.otc.belief import BeliefModel
from counterpoise.sim.otc.dealer import Dealer, holding_cost, reservation_bps
from counterpoise.sim.otc.desk import CLIENT, LIT
from counterpoise.sim.otc.frontier import request_frontier
from counterpoise.sim.otc.last_look import LastLook
from counterpoise.sim.otc.panel import DealerPanel
from counterpoise.sim.otc.rfq import Request, RfqRules
from reference.message_script import T0, Message, events_of

PERP: Final = Instrument(
    venue="testex", symbol="XUSD", kind=InstrumentKind.PERP, base="X", quote="USD", settle="USD", tick="0.001", lot="0.01"
)
INVERSE: Final = structs.replace(PERP, symbol="XUSD_INV", settle="X", multiplier="100", inverse=True, lot="1")
IMPACT: Final = Impact(propagator=TransientImpact(bps_per_million=0.5, permanent=0.4, half_lives=("30s",)))
BOOK: Final[Message] = (0, SNAPSHOT, [(1, 1_000_000, 10), (-1, 1_000_002, 10)])  # 1,000.001
LOTS: Final = 200_000  # 2,000 coins: about 2 millions


def panel_of(
    *messages: Message, count: int = 3, dealer: Dealer | None = None, impact: Impact = IMPACT, seed: int = 0, **rules: object
) -> DealerPanel:
    panel = DealerPanel(PERP, dealers=(dealer or Dealer(),) * count, rules=RfqRules(**rules), impact=impact, seed=seed)
    panel.feed(events_of([BOOK, *messages]))
    panel.advance(at(1))
    return panel


def at(seconds: float) -> int:
    return T0 + round(seconds * SECOND_NS)


def order(panel: DealerPanel, name: str, side: int, lots: int = LOTS, price: int = 0) -> Approved:
    kind = OrderType.LIMIT if price else OrderType.MARKET
    return Approved(
        Order(client_id=name, instrument=panel.instrument.id, side=side, qty_lots=lots, type=kind, price_ticks=price)
    )


def take_best(panel: DealerPanel, name: str, side: int, request: Request) -> None:
    best = request.best(side)
    assert best is not None
    panel.accept(best.quote_id, order(panel, name, side, request.lots))


def said(panel: DealerPanel) -> list[str]:
    out = []
    for e in panel.events():
        what = f"fill {e.qty_lots}@{e.price_ticks}" if isinstance(e, Fill) else f"{e.state} {e.reason or ''}".strip()
        out.append(f"{e.client_id} {what}")
    return out


def test_a_quote_is_cost_and_markup_on_the_grid() -> None:
    """One dealer who believes in an elasticity of .5: his reservation, his private cost, and 2 bps; rounded away."""
    panel = panel_of(count=1, elasticity=0.5, belief=BeliefModel(honesty=0.5), seed=8)
    request = panel.request(LOTS)
    (quote,) = request.quotes
    private = np.random.default_rng(8).uniform(0, 2.0, 2)
    cost = holding_cost(Dealer(), IMPACT, sigma_bps=1.0, millions_per_s=1.0)
    own = reservation_bps(cost, inventory_millions=0.0, side=1, millions=2.000002)
    mid = 2_000_002
    assert quote.mid_half_ticks == mid
    assert quote.ask_ticks == int(np.ceil(mid / 2 * (1 + (own + private[1] + 2.0) * 1e-4)))
    assert quote.bid_ticks == int(np.floor(mid / 2 * (1 - (own + private[0] + 2.0) * 1e-4)))
    assert quote.cost_bps(1) == pytest.approx(own + private[1] + 2.0, abs=0.02)
    assert request.best(-1) == quote


def test_life_of_a_request() -> None:
    panel = panel_of(expiry="5s")
    request = panel.request(LOTS, side=1)
    assert [(q.bid_ticks, q.ask_ticks > 1_000_001) for q in request.quotes] == [(0, True)] * 3
    take_best(panel, "a", 1, request)
    best = request.best(1)
    assert said(panel) == [f"a fill {LOTS}@{best.ask_ticks}", "a filled"]
    panel.accept(request.quotes[0].quote_id, order(panel, "b", 1))
    panel.accept(request.quotes[0].quote_id, order(panel, "a", 1))
    panel.accept("r9-0", order(panel, "c", 1))
    second = panel.request(LOTS, side=1)
    panel.accept(second.quotes[0].quote_id, order(panel, "d", 1, LOTS - 1))
    panel.accept(second.quotes[0].quote_id, order(panel, "e", -1))
    panel.advance(at(6))
    last = panel.request(LOTS, side=1)
    panel.advance(at(11) + 1)
    panel.accept(last.quotes[0].quote_id, order(panel, "f", 1))
    assert said(panel) == [
        "b rejected quote_expired",
        "a rejected duplicate_id",
        "c rejected unknown_order",
        "d rejected all_or_none",
        "e rejected unknown_order",
        "f rejected quote_expired",
    ]
    report = panel.reports()
    assert report["outcome"].to_list() == ["filled", "expired", "expired"]
    assert report["winner"].to_list() == [best.dealer, None, None]
    assert report["quote_bps"][0] == pytest.approx(best.cost_bps(1))


def test_a_quote_lives_to_its_last_instant() -> None:
    panel = panel_of(expiry="5s")
    request = panel.request(LOTS, side=1)
    assert request.quotes[0].expires_ns == at(6)
    panel.advance(at(6))
    take_best(panel, "a", 1, request)
    assert said(panel)[-1] == "a filled"


def test_partial_fills_by_name() -> None:
    panel = panel_of(partial=True)
    request = panel.request(LOTS)
    panel.accept(request.quotes[1].quote_id, order(panel, "a", -1, 7))
    assert said(panel) == [f"a fill 7@{request.quotes[1].bid_ticks}", "a filled"]
    assert panel.balances[CLIENT] == (-7, 14 * request.quotes[1].bid_ticks)


DECLINED: Final = "rejected last_look"


@pytest.mark.parametrize(
    ("rule", "up", "down"),
    [("none", "filled", "filled"), ("asymmetric", DECLINED, "filled"), ("symmetric", DECLINED, DECLINED)],
)
def test_last_look(rule: str, up: str, down: str) -> None:
    """The mid moves by 3 bps within the hold; a buyer's dealer dislikes it up. Nothing is known before the hold is over."""
    for ticks, expected in ((300, up), (-300, down)):
        moved = (1.05, SNAPSHOT, [(1, 1_000_000 + ticks, 10), (-1, 1_000_002 + ticks, 10)])
        panel = panel_of(moved, last_look=LastLook(rule=rule, hold="100ms", threshold_bps=1.0))
        request = panel.request(LOTS, side=1)
        take_best(panel, "a", 1, request)
        if rule != "none":
            panel.advance(at(1.0999))
            assert said(panel) == []
        panel.advance(at(1.1))
        assert said(panel)[-1] == f"a {expected}"


def test_who_declines_at_the_last_look_has_learnt_too() -> None:
    """All three trade ahead after a reject, the decliner with them; two after a fill."""
    moved = (1.05, SNAPSHOT, [(1, 1_000_300, 10), (-1, 1_000_302, 10)])
    for rule, losers in (("asymmetric", 3), ("none", 2)):
        look = LastLook(rule=rule, hold="100ms", threshold_bps=1.0)
        panel = panel_of(moved, dealer=Dealer(prehedge=0.5), last_look=look)
        take_best(panel, "a", 1, panel.request(LOTS, side=1))
        panel.advance(at(2))
        assert sorted({trade.dealer for trade in panel.lit_trades}) == (
            [0, 1, 2] if losers == 3 else sorted({0, 1, 2} - {panel.reports()["winner"][0]})
        )


def test_no_mid_no_quotes() -> None:
    panel = panel_of((2, GAP, [(0, 0, 0)]), last_look=LastLook(rule="symmetric", hold="2s"))
    request = panel.request(LOTS)
    take_best(panel, "a", 1, request)
    panel.advance(at(4))
    assert said(panel) == ["a rejected book_not_synced"]
    assert panel.request(LOTS).quotes == ()
    panel.advance(at(60))
    assert panel.reports()["outcome"].to_list() == ["rejected", "expired"]


def test_a_dealer_at_his_limit_does_not_quote_further() -> None:
    panel = panel_of(count=1, dealer=Dealer(limit_millions=3.0, unwind="1h"))
    take_best(panel, "a", 1, panel.request(LOTS, side=1))
    (both,) = panel.request(LOTS).quotes
    assert both.ask_ticks == 0
    assert both.bid_ticks > 0
    assert panel.request(LOTS, side=1).quotes == ()


def test_inventory_skews_the_quotes() -> None:
    """Having sold, a monopolist asks more and bids more: the mean of his prices rises by the skew of his holding cost."""
    dealer, means = Dealer(aversion=0.01, unwind="1h"), []
    for first in (0, 1):
        panel = panel_of(count=1, dealer=dealer, elasticity=0.5, belief=BeliefModel(honesty=0.5, memory="1ms"))
        if first:
            take_best(panel, "a", 1, panel.request(LOTS, side=1))
        panel.advance(at(3))
        panel._rng = np.random.default_rng(0)
        (quote,) = panel.request(LOTS).quotes
        means.append((quote.bid_ticks + quote.ask_ticks) / 2)
    cost = holding_cost(dealer, IMPACT, sigma_bps=1.0, millions_per_s=1.0)
    (ask, bid), (flat_ask, flat_bid) = (
        [reservation_bps(cost, inventory_millions=held, side=side, millions=2.000002) for side in (1, -1)]
        for held in (-2.000002, 0.0)
    )
    skew = ((ask - flat_ask) - (bid - flat_bid)) / 2
    assert skew > 20
    assert means[1] - means[0] == pytest.approx(100 * skew, abs=1.5)


def test_who_loses_trades_ahead_and_the_mid_moves() -> None:
    """Side told, a/(b − 1) = 1: each of two losers buys half of 2 millions at once, .5 bps each; in the end all are flat."""
    panel = panel_of(dealer=Dealer(prehedge=0.5, unwind="100s", slices=2))
    take_best(panel, "a", 1, panel.request(LOTS, side=1))
    ahead = [trade for trade in panel.lit_trades if trade.why == "ahead"]
    assert [trade.signed_lots for trade in ahead] == pytest.approx([LOTS // 2] * 2, abs=10)
    assert panel.pushed_bps == pytest.approx(1.0, rel=1e-3)
    (row,) = panel.reports().iter_rows(named=True)
    assert row["ahead_lots"] == pytest.approx(LOTS, abs=10)
    assert row["leak_bps"] == pytest.approx(1.0, rel=1e-3)
    panel.advance(at(200))
    assert all(lots == 0 for owner, (lots, _) in panel.balances.items() if owner >= 0)
    assert panel.balances[LIT][0] == -LOTS


def test_prices_both_ways_tell_nothing_until_the_mid_moves() -> None:
    """Two-way requests leave losers at ½, so nobody trades ahead at once; those who watch the winner hedge learn the side."""
    quick = panel_of(dealer=Dealer(prehedge=1.0, unwind="100s", slices=10))
    take_best(quick, "a", 1, quick.request(LOTS))
    quick.advance(at(2))
    assert [trade.why for trade in quick.lit_trades] == []
    slow = panel_of(
        dealer=Dealer(prehedge=1.0, unwind="100s", slices=10), reaction="45s", belief=BeliefModel(sigma_bps=0.02, memory="1h")
    )
    take_best(slow, "a", 1, slow.request(LOTS))
    slow.advance(at(46.5))
    ahead = [trade for trade in slow.lit_trades if trade.why == "ahead"]
    assert len(ahead) == 2
    assert all(trade.signed_lots > 0 for trade in ahead)
    assert all(belief.buyer > 0.9 for belief in slow.beliefs[1:] if belief.buyer != 0.5)


def test_asking_again_makes_a_client_look_larger() -> None:
    """Each repetition adds one to a: the same request costs more each time, and the drift is half the push of the residual."""
    panel = panel_of(count=1, elasticity=0.5)
    costs = []
    for _ in range(4):
        panel._rng = np.random.default_rng(0)
        costs.append(panel.request(LOTS, side=1).quotes[0].cost_bps(1))
    assert np.diff(costs) == pytest.approx([0.5 * 0.5 * 2.000002] * 3, abs=0.02)
    assert [belief.asked for belief in panel.beliefs] == [4.0]


@given(seed=st.integers(0, 2**32 - 1), instrument=st.sampled_from((PERP, INVERSE)))
@settings(max_examples=25, deadline=None)
def test_everything_adds_to_zero(seed: int, instrument: Instrument) -> None:
    """Random requests, answers and silences: lots and money of all owners, fills and the client, and dealers flat at last."""
    rng = np.random.default_rng(seed)
    dealers = tuple(
        Dealer(prehedge=float(rng.uniform(0, 1)), unwind="40s", slices=int(rng.integers(1, 6)), limit_millions=20.0)
        for _ in range(4)
    )
    look = LastLook(rule="asymmetric", threshold_bps=0.5, hold="50ms")
    impact = Impact(temporary=TemporaryImpact(bps=2.0), propagator=IMPACT.propagator)
    panel = DealerPanel(
        instrument, dealers=dealers, rules=RfqRules(partial=True, last_look=look, reaction="1s"), impact=impact, seed=seed
    )
    ticks = 1_000_000 + np.cumsum(rng.integers(-60, 61, 100))
    panel.feed(events_of([(i * 0.5, SNAPSHOT, [(1, int(t), 5), (-1, int(t) + 2, 5)]) for i, t in enumerate(ticks)]))
    lots_a_million = 1_000_000 // 100 if instrument.inverse else 100_000
    fills: list[Fill] = []
    for step in range(30):
        panel.advance(at(1 + 1.5 * step))
        lots = int(rng.integers(1, 3 * lots_a_million))
        asked = rng.choice(4, int(rng.integers(1, 5)), replace=False).tolist()
        request, side = panel.request(lots, side=int(rng.integers(-1, 2)), dealers=asked), int(rng.choice((-1, 1)))
        side = request.side or side
        best = request.best(side)
        if best is not None and rng.random() < 0.7:
            panel.accept(best.quote_id, order(panel, str(step), side, int(rng.integers(1, lots + 1))))
        balances = list(panel.balances.values())
        assert [sum(pair) for pair in zip(*balances, strict=True)] == [0, 0]
        fills += [e for e in panel.events() if isinstance(e, Fill)]
    panel.advance(at(500))
    fills += [e for e in panel.events() if isinstance(e, Fill)]
    assert panel.balances[CLIENT] == (
        sum(f.side * f.qty_lots for f in fills),
        -sum(2 * f.side * f.qty_lots * f.price_ticks for f in fills),
    )
    assert all(panel.balances[dealer][0] == 0 for dealer in range(4))
    assert panel.reports()["filled_lots"].sum() == sum(f.qty_lots for f in fills)


FRONTIER: Final = {
    "dealer": Dealer(prehedge=0.3),
    "rules": RfqRules(width_bps=4.0),
    "impact": IMPACT,
    "millions": 2.0,
    "residual_millions": 6.0,
    "horizon": "5m",
}


def test_the_frontier_is_what_the_panel_does() -> None:
    """Quotes and displacement met, over 400 simulated requests for each number of dealers, against the closed form."""
    frontier = request_frontier(**FRONTIER, most=5, slices=12)
    met_at = [at(1 + 300 * (i + 0.5) / 12) for i in range(12)]
    lots = 200_000
    for number in (1, 3, 5):
        quotes, met = [], []
        for seed in range(400):
            panel = DealerPanel(PERP, dealers=(FRONTIER["dealer"],) * number, rules=FRONTIER["rules"], impact=IMPACT, seed=seed)
            panel.feed(events_of([(0, SNAPSHOT, [(1, 1_000_000, 10), (-1, 1_000_000, 10)])]))
            panel.advance(at(1))
            request = panel.request(lots, side=1)
            quotes.append(request.best(1).cost_bps(1))
            if seed < 3:
                take_best(panel, "a", 1, request)
                pushed = []
                for ts in met_at:
                    panel.advance(ts)
                    pushed.append(panel.pushed_bps)
                met.append(3 * np.mean(pushed))
        row = frontier.row(number - 1, named=True)
        error = np.std(quotes) / 20 + 0.01  # and the rounding to ticks
        assert np.mean(quotes) == pytest.approx(row["quote_bps"], abs=3.3 * error)
        assert np.mean(met) == pytest.approx(row["hedge_bps"] + row["leak_bps"], rel=2e-3)


def test_a_few_dealers_are_best() -> None:
    """An interior optimum with leakage; without, the more the better; with more of it, fewer."""
    best = []
    for prehedge in (0.0, 0.1, 0.3, 1.0):
        frame = request_frontier(**(FRONTIER | {"dealer": Dealer(prehedge=prehedge)}), most=12)
        best.append(int(frame.sort("total_bps")["dealers"][0]))
    assert best == [12, 7, 4, 2]
    free = request_frontier(**(FRONTIER | {"residual_millions": 0.0}), most=12)
    assert free["leak_bps"].to_list() == [0.0] * 12
    assert free["total_bps"].is_sorted(descending=True)
    assert (free["total_bps"] - free["total_bps"][0]).to_list() == pytest.approx([8 / (n + 1) - 4 for n in range(1, 13)])


def test_the_frontier_of_the_docs() -> None:
    """The table in docs/theory/otc.md is computed again."""
    text = (
        (Path(__file__).resolve().parents[2] / "docs" / "theory" / "otc.md")
        .read_text(encoding="utf-8")
        .partition("## How many")[2]
    )
    told = [
        [float(cell.strip(" *")) for cell in row.split("|")[1:-1]]
        for row in re.findall(r"^\| \d+ \|.*$", text, flags=re.MULTILINE)
    ]
    frame = request_frontier(**FRONTIER, most=12)
    assert len(told) >= 6
    for number, *bps in told:
        assert bps == pytest.approx(frame.row(int(number) - 1)[1:], abs=0.0051)


def test_same_seed_same_quotes() -> None:
    runs = [panel_of(seed=seed).request(LOTS) for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]


def test_quotes_do_not_see_rows_of_their_instant_or_later() -> None:
    later = (1, SNAPSHOT, [(1, 1_100_000, 10), (-1, 1_100_002, 10)])
    assert panel_of(later).request(LOTS) == panel_of().request(LOTS)


def test_what_cannot_be_meant_is_refused() -> None:
    panel = panel_of()
    with pytest.raises(InputError, match="0 lots"):
        panel.request(0)
    with pytest.raises(InputError, match="different ones"):
        panel.request(1, dealers=[0, 0])
    with pytest.raises(InputError, match="different ones"):
        panel.request(1, dealers=[3])
    with pytest.raises(InputError, match="needs a dealer"):
        panel_of(count=0)
    with pytest.raises(InputError, match="go back"):
        panel.advance(0)
    with pytest.raises(InputError, match="feed, then advance"):
        panel.feed(events_of([BOOK]))
    request = panel.request(LOTS, side=1)
    with pytest.raises(InputError, match="worse"):
        panel.accept(request.quotes[0].quote_id, order(panel, "a", 1, LOTS, 1_000_000))
    with pytest.raises(InputError, match="this panel trades"):
        panel.accept(
            request.quotes[0].quote_id,
            Approved(Order(client_id="a", instrument=PERP.id, side=1, qty_lots=1, type=OrderType.MARKET)),
        )
    with pytest.raises(ConfigError, match="width_bps"):
        RfqRules(width_bps=0.0)
    with pytest.raises(ConfigError, match="lit_millions_per_s"):
        RfqRules(lit_millions_per_s=0.0)
    with pytest.raises(InputError, match="simulate"):
        request_frontier(**(FRONTIER | {"rules": RfqRules(reaction="1s")}))
    with pytest.raises(InputError, match="0 millions"):
        request_frontier(**(FRONTIER | {"millions": 0}))
