"""Leveraged funds and a noise trader, in plain Python."""

from __future__ import annotations

from math import exp

from counterpoise.sim.leverage.funds import FundsConfig


def naive_funds(config: FundsConfig, draws: list[float]) -> tuple[list[float], int]:
    """Prices and failures."""
    funds = [{"beta": b, "cash": config.wealth, "held": 0.0, "rating": 0.0, "back": None} for b in config.aggression]
    level, last, prices, failures = 0.0, 1.0, [], 0
    for step, noise in enumerate(draws):
        level = config.rho * level + config.sigma * noise
        price = clearing_price(config, funds, config.shares * exp(level))
        for fund in funds:
            if fund["back"] is not None:
                if step >= fund["back"]:
                    fund.update(cash=config.wealth, held=0.0, rating=0.0, back=None)
                continue
            before, worth = (fund["cash"] + fund["held"] * p for p in (last, price))
            if worth < config.failure * config.wealth:
                fund.update(cash=0.0, held=0.0, back=step + config.absence)
                failures += 1
                continue
            fund["rating"] += config.memory * ((worth - before) / before - fund["rating"])
            exposure = worth * max(0.0, min(fund["beta"] * (1 - price), config.most_leverage))
            flow = max(-1.0, config.sensitivity * (fund["rating"] - config.benchmark)) * worth
            fund.update(held=exposure / price, cash=worth - exposure + flow)
        prices.append(price)
        last = price
    return prices, failures


def clearing_price(config: FundsConfig, funds: list[dict], noise: float) -> float:
    if noise >= config.shares:
        return noise / config.shares
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        worth = [(fund, fund["cash"] + fund["held"] * middle) for fund in funds]
        wanted = sum(w * min(fund["beta"] * (1 - middle), config.most_leverage) for fund, w in worth if w > 0)
        low, high = (middle, high) if noise + wanted > config.shares * middle else (low, middle)
    return (low + high) / 2
