"""From a venue's symbol to contract terms and back: ``venue:symbol``, as ``deribit:BTC-27MAR26-80000-C``."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from counterpoise.core.errors import InputError, UnknownName
from counterpoise.market.instrument import Instrument
from counterpoise.market.listing import EXAMPLES, FORMS, GRIDS, Form

__all__ = ["format_instrument", "parse_instrument"]

_SAME_COIN: Final = {"XBT": "BTC"}  # one token of the tree, however a venue spells it
_COMPILED: Final = {venue: tuple((re.compile(form.pattern), form) for form in forms) for venue, forms in FORMS.items()}


@cache
def parse_instrument(text: str, *, tick: str = "", lot: str = "", multiplier: str = "") -> Instrument:
    """Contract terms of ``venue:symbol``.

    Base, quote and settle are spelled alike on every venue (XBT is BTC); the symbol stays as the venue writes it.

    Parameters
    ----------
    text : str
    tick, lot : str
        Exact steps of price and quantity, when they are known; otherwise those of a small table of well-known instruments, and
        for the rest a step so fine (1e-8) that no value misses it.
    multiplier : str
        Overrides the contract size the symbol stands for.

    Raises
    ------
    UnknownName
        If the venue is not known.
    InputError
        If the symbol is not one the venue would write, its date does not exist, or its contract size is not known.

    Examples
    --------
    >>> option = parse_instrument("deribit:XRP_USDC-27MAR26-0d625-C")
    >>> option.strike, option.right, option.settle
    ('0.625', 'C', 'USDC')
    """
    venue, colon, symbol = text.partition(":")
    if not colon or not symbol:
        raise InputError(f"instrument {text!r} is not venue:symbol; write it like binance_usdm:BTCUSDT")
    form, found = _match(venue, symbol)
    base = found["base"].upper() if venue == "kraken_futures" else found["base"]
    quote = base if form.quote == "base" else (found.get("quote") or form.quote).upper()
    settle = {"base": base, "quote": quote}.get(form.settle, form.settle)
    known_tick, known_lot = GRIDS.get(text, (form.tick, form.lot))
    return Instrument(
        venue=venue,
        symbol=symbol,
        kind=form.kind,
        base=_SAME_COIN.get(base, base),
        quote=_SAME_COIN.get(quote, quote),
        settle=_SAME_COIN.get(settle, settle),
        tick=tick or known_tick,
        lot=lot or known_lot,
        multiplier=multiplier or _contract_size(text, form, base),
        inverse=form.inverse,
        expiry_ns=_expiry_ns(text, form, found.get("expiry")),
        strike=found["strike"].replace("d", ".") if "strike" in found else None,
        right=found.get("right", ""),
    )


def format_instrument(instrument: Instrument) -> str:
    """``venue:symbol``, which `parse_instrument` reads back."""
    return instrument.id


def _match(venue: str, symbol: str) -> tuple[Form, dict[str, str]]:
    if venue not in _COMPILED:
        raise UnknownName("venue", venue, _COMPILED)
    if venue == "hyperliquid" and symbol.startswith("@"):
        raise InputError(
            f"hyperliquid:{symbol} is an index into the venue's list of spot pairs, which changes; "
            f"look the pair up there and write its name, as {EXAMPLES[venue]}"
        )
    for pattern, form in _COMPILED[venue]:
        found = pattern.fullmatch(symbol)
        if found:
            return form, found.groupdict()
    raise InputError(f"{venue} has no symbol like {symbol!r}; expected {EXAMPLES[venue]}")


def _contract_size(text: str, form: Form, base: str) -> str:
    if isinstance(form.multiplier, str):
        return form.multiplier
    size = form.multiplier.get(base) or form.multiplier.get("")
    if size is None:
        raise InputError(f"{text}: the contract size is not known; give multiplier= as the venue lists it")
    return size


def _expiry_ns(text: str, form: Form, expiry: str | None) -> int | None:
    if form.expiry is None or expiry is None:
        return None
    try:
        return form.expiry(expiry)
    except ValueError as error:
        raise InputError(f"{text}: {expiry} is not a date ({error}); expected {EXAMPLES[text.partition(':')[0]]}") from error
