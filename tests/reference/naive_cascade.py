"""A cascade the slow way: every account looked at in every step, the book a dict, prices as keys (see the kernel)."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import floor, inf
from typing import Any


@dataclass
class Account:
    """One position; a taker is on the side that the shock hurts."""

    lots: int
    taker: bool
    entry: int
    collateral: int
    weighting: int = 0
    order_lots: int = 0
    owed: int = 0
    adl_lots: int = 0
    adl_value: int = 0
    cost: int = 0  # grains, of an inverse position alone


@dataclass
class NaiveCascade:
    """The market; `plan` holds the kernel's plan by name in lower case."""

    plan: dict[str, int]
    accounts: list[Account]
    full: list[int]
    tiers: list[tuple[int, float, float]]  # floor, rate, cum
    fund: int
    shares: list[float]
    keeps: list[float]
    keys_per_lot: float
    refill_keep: float
    factor: float
    scale: float = 1.0
    market: list[int] = field(default_factory=lambda: [0, 0])
    backstop: list[int] = field(default_factory=lambda: [0, 0])
    queue: list[int] = field(default_factory=list)
    waiting: dict[int, list[int]] = field(default_factory=dict)
    ranking: list[int] = field(default_factory=list)
    rank_key: float = -inf

    def __post_init__(self) -> None:
        start = self.plan["start"]
        self.lowest = start - len(self.full) + 1
        self.book = {start - i: lots for i, lots in enumerate(self.full) if lots}
        self.list_all()

    def liquidation_key(self, at: int) -> int:
        a, side = self.accounts[at], self.plan["side"]
        best = max(
            (float(a.lots * a.entry - a.collateral) - self.scale * cum) / (a.lots * (1.0 - side * self.scale * rate))
            for _, rate, cum in self.tiers
        )
        if best >= self.plan["start"]:
            return self.plan["start"]
        return self.lowest - 1 if best < self.lowest else floor(best)

    def list_all(self) -> None:
        self.waiting = {}
        for at, a in enumerate(self.accounts):
            if a.taker and a.lots and not a.order_lots:
                self.waiting.setdefault(self.liquidation_key(at), []).append(at)

    def worth(self, lots: int, key: int) -> int:
        return lots * key

    def released(self, a: Account, lots: int) -> int:
        """What the lots that leave the position had cost."""
        return lots * a.entry

    def broke(self, a: Account) -> float:
        return a.entry - a.collateral // a.lots

    def order(self, at: int) -> None:
        a = self.accounts[at]
        a.order_lots = max(1, a.lots * self.plan["fraction_ppm"] // 1_000_000)
        self.queue.append(at)

    def shown(self, shift: int, last: int) -> int:
        return max(self.lowest, max(self.book) + shift) if self.book else last

    def least(self, a: Account, lots: int) -> int:
        """What closing lots has to bring, lest the account be left with a loss."""
        return int(lots * self.broke(a))

    def handed(self, a: Account, lots: int, broke: float) -> int:
        """What winners pay for lots; `broke` is the price of bankruptcy before the first of them."""
        return int(lots * broke)

    def affordable(self, a: Account, lots: int, key: int) -> int:
        gap = self.least(a, 1) - self.worth(1, key)
        if gap <= 0 or self.plan["adl_rule"] < 0:
            return lots
        return min(lots, max(0, self.fund) // gap)

    def close(self, a: Account, lots: int, key: int, buyer: list[int]) -> None:
        got = self.worth(lots, key)
        paid = max(got, self.least(a, lots))
        a.collateral += paid - self.released(a, lots)
        self.fund -= paid - got
        a.owed += abs(got) * self.plan["fee_ppm"] // 1_000_000
        a.lots -= lots
        a.order_lots -= lots
        buyer[0] -= got
        buyer[1] += lots

    def sell(self, a: Account, lots: int, terms: dict[str, Any], *, forced: bool) -> int:
        sold = 0
        while sold < lots and self.book:
            best = max(self.book)
            if best + terms["shift"] < terms["floor"]:
                break
            shown = best if terms["uniform"] is None else terms["uniform"]
            key = max(self.lowest, shown + terms["shift"])
            taken = min(lots - sold, self.book[best])
            taken = taken if forced else self.affordable(a, taken, key)
            if not taken:
                break
            self.close(a, taken, key, self.market)
            self.book[best] -= taken
            if not self.book[best]:
                del self.book[best]
            sold += taken
        return sold

    def score(self, a: Account, mark: int) -> float:
        if self.plan["adl_rule"] == 1:
            return (a.entry - mark) / abs(a.entry) * a.weighting
        gain, value, change = self.profit(a, mark)
        equity = a.collateral + gain
        if equity <= 0:
            return 0.0
        return gain * value / (equity * equity) if self.plan["adl_rule"] == 2 else change * value / equity

    def profit(self, a: Account, mark: int) -> tuple[float, float, float]:
        """Of a counterparty: profit, value, and profit over cost."""
        return float(a.lots) * (a.entry - mark), float(a.lots) * abs(mark), (a.entry - mark) / abs(a.entry)

    def ranked(self, mark: int, least: float) -> list[int]:
        self.rank_key = mark
        held = [i for i, a in enumerate(self.accounts) if not a.taker and a.lots and a.entry > mark and a.entry >= least]
        scores = {i: self.score(self.accounts[i], mark) for i in held}
        return sorted((i for i in held if scores[i] > 0), key=lambda i: (-scores[i], i))

    def deleverage(self, a: Account, lots: int, mark: int) -> int:
        broke, done = self.broke(a), 0
        if abs(mark - self.rank_key) >= self.plan["rerank"]:
            self.ranking = self.ranked(mark, -inf)
            self.rank_key = mark
        while done < lots:
            if not self.ranking:
                if not any(not b.taker and b.lots and b.entry > mark and b.entry >= broke for b in self.accounts):
                    break
                self.ranking = self.ranked(mark, broke)
                if not self.ranking:
                    break
            victim = self.accounts[self.ranking[0]]
            taken = min(lots - done, victim.lots)
            if not taken or victim.entry < broke:
                self.ranking.pop(0)
                continue
            value = self.handed(a, taken, broke)
            victim.collateral += self.released(victim, taken) - value
            victim.lots -= taken
            victim.adl_lots += taken
            victim.adl_value += value
            a.collateral += value - self.released(a, taken)
            a.lots -= taken
            a.order_lots -= taken
            done += taken
        return done

    def finish(self, at: int, mark: int) -> None:
        a = self.accounts[at]
        self.queue.remove(at)
        paid = max(0, min(a.owed, a.collateral))
        a.collateral, a.owed, self.fund = a.collateral - paid, 0, self.fund + paid
        if a.lots:
            key = self.liquidation_key(at)
            if key >= mark:
                self.order(at)
            elif key >= self.lowest:
                self.waiting.setdefault(key, []).insert(0, at)

    def clearing(self, terms: dict[str, Any]) -> int | None:
        need, found = sum(self.accounts[i].order_lots for i in self.queue), None
        for key in sorted(self.book, reverse=True):
            if need <= 0 or key + terms["shift"] < terms["floor"]:
                break
            found, need = key, need - self.book[key]
        return found

    def liquidate(self, row: dict[str, int], shift: int, mark: int, *, auction: bool) -> None:
        terms = {"shift": shift, "floor": max(self.lowest, mark - self.plan["band"]), "uniform": None}
        left: float = self.plan["throttle"]
        if auction:
            left, terms["uniform"] = inf, self.clearing(terms)
        while self.queue and left > 0:
            at = self.queue[0]
            a = self.accounts[at]
            lots = int(min(left, a.order_lots))
            tier = max(i for i, (low, _, _) in enumerate(self.tiers) if abs(self.worth(a.lots, mark)) >= low or i == 0)
            cash = self.market[0] + self.backstop[0]
            taken = self.to_backstop(a, lots, mark)
            row["backstop"] += taken
            sold = self.sell(a, lots - taken, terms, forced=False)
            value = abs(cash - self.market[0] - self.backstop[0])
            rest = lots - taken - sold
            stopped = rest > 0 and (not self.book or max(self.book) + shift < terms["floor"])
            if rest and not stopped:
                before = sum(b.adl_value for b in self.accounts)
                handed = self.deleverage(a, rest, mark)
                row["adl"] += handed
                value += abs(sum(b.adl_value for b in self.accounts) - before)
                taken, rest = taken + handed, rest - handed
                if rest:
                    cash = self.market[0]
                    more = self.sell(a, rest, terms, forced=True)
                    value, sold, rest = value + abs(cash - self.market[0]), sold + more, rest - more
                    stopped = rest > 0
            row["book"] += sold
            row["value"] += value
            row[f"tier{tier}"] = row.get(f"tier{tier}", 0) + value
            left -= taken + sold
            if not a.order_lots:
                self.finish(at, self.shown(shift, mark))
            if stopped:
                return

    def to_backstop(self, a: Account, lots: int, mark: int) -> int:
        free = min(lots, self.plan["backstop"] - self.backstop[1])
        if free <= 0:
            return 0
        key = mark - abs(mark) * self.plan["backstop_discount"] // 1_000_000
        taken = self.affordable(a, free, key)
        if taken:
            self.close(a, taken, key, self.backstop)
        return taken

    def refill(self, lots: int) -> None:
        for key in range(self.lowest, self.plan["start"] + 1):
            back = min(lots, self.full[self.plan["start"] - key] - self.book.get(key, 0))
            if back > 0:
                self.book[key] = self.book.get(key, 0) + back
                lots -= back

    def run(self, steps: int) -> list[dict[str, int]]:
        p, rows = self.plan, []
        moved, missing = [0.0] * len(self.shares), 0
        mark, halted_until, armed_from = p["start"], -1, 0
        for step in range(steps):
            row = {"triggered": 0, "book": 0, "backstop": 0, "adl": 0, "value": 0}
            if step:
                moved = [m * k for m, k in zip(moved, self.keeps, strict=True)]
            if self.refill_keep < 1:
                back = missing - int(missing * self.refill_keep)
                self.refill(back)
                missing -= back
            shift = -(p["shock_keys"] * min(step + 1, p["shock_steps"]) // p["shock_steps"]) - round(sum(moved))
            mark = self.shown(shift, mark)
            auction = step == halted_until
            before = p["start"] if step < p["window"] else rows[step - p["window"]]["mark"]
            if step >= armed_from and before - mark >= p["auction_ticks"]:
                halted_until = step + p["halt"]
                armed_from = halted_until + p["window"]
            row["halted"] = int(step < halted_until)
            if step >= halted_until:
                if self.scale == 1.0 and p["start"] - mark >= p["factor_after"]:
                    self.scale = self.factor
                    self.list_all()
                for key in sorted(self.waiting, reverse=True):
                    if key >= mark and key >= self.lowest:
                        due = self.waiting.pop(key)
                        row["triggered"] += len(due)
                        for at in due:
                            self.order(at)
                self.liquidate(row, shift, mark, auction=auction)
                missing += row["book"]
                moved = [m + row["book"] * self.keys_per_lot * s for m, s in zip(moved, self.shares, strict=True)]
                mark = self.shown(shift, mark)
            row["mark"], row["fund"] = mark, self.fund
            row["queued"] = sum(self.accounts[i].order_lots for i in self.queue)
            rows.append(row)
        return rows
