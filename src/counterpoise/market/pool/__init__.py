"""Automated market makers: constant-product and concentrated-liquidity pools."""

from counterpoise.market.pool.concentrated import ConcentratedPool, Position, RangeSwap
from counterpoise.market.pool.constant_product import ConstantProductPool, ProductSwap
from counterpoise.market.pool.position import inventory_imbalance, loss_of_product_pool, range_value
from counterpoise.market.pool.sqrt_price import sqrt_price_at, tick_at

__all__ = [
    "ConcentratedPool",
    "ConstantProductPool",
    "Position",
    "ProductSwap",
    "RangeSwap",
    "inventory_imbalance",
    "loss_of_product_pool",
    "range_value",
    "sqrt_price_at",
    "tick_at",
]
