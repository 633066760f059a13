"""How each venue writes its symbols, and the contract terms the symbol stands for: tables only, read by `market.symbol`.

Terms are those of the contracts listed today. Where a venue has changed them (OKX options before late 2022, BitMEX alt-coin
contracts of 2021), the caller gives `multiplier`, or an `Instrument` of his own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple

from counterpoise.core.units import SECOND_NS
from counterpoise.market.instrument import InstrumentKind

__all__ = ["EXAMPLES", "FINEST", "FORMS", "GRIDS", "Form"]

FINEST: Final = "0.00000001"  # a step that every price and size seen so far lies on
SPOT, PERP = InstrumentKind.SPOT, InstrumentKind.PERP
FUTURE, OPTION = InstrumentKind.FUTURE, InstrumentKind.OPTION
Expiry = Callable[[str], int]

_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_CODES: Final = "FGHJKMNQUVXZ"  # futures month codes, January first
_FRIDAY, _SUNDAY = 4, 6


class Form(NamedTuple):
    """One way a venue writes a symbol.

    Attributes
    ----------
    pattern : str
        Regular expression of the whole symbol with the groups base, quote, expiry, strike and right, as far as it names them.
    quote : str
        Where the symbol does not name it; ``"base"`` when prices are in the coin itself.
    settle : str
        A currency, or ``"base"`` or ``"quote"``.
    multiplier : str or mapping
        One value, or values by base; the key ``""`` is for every other base. A base without a value must be given one.
    expiry : callable, optional
        Text of the symbol to ns UTC.
    """

    pattern: str
    kind: InstrumentKind
    quote: str = ""
    settle: str = "quote"
    inverse: bool = False
    multiplier: str | Mapping[str, str] = "1"
    expiry: Expiry | None = None
    tick: str = FINEST
    lot: str = FINEST


def _ns(day: date, hour: int) -> int:
    return int(datetime(day.year, day.month, day.day, hour, tzinfo=UTC).timestamp()) * SECOND_NS


def _last_weekday(year: int, month: int, weekday: int) -> date:
    last = date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)
    return last - timedelta(days=(last.weekday() - weekday) % 7)


def _compact(text: str) -> date:
    return date(2000 + int(text[:2]), int(text[2:4]), int(text[4:]))


def _yymmdd(text: str) -> int:
    """``240927``, delivered at 08:00 UTC."""
    return _ns(_compact(text), 8)


def _dmmmyy(text: str) -> int:
    """``27MAR26``, expiring at 08:00 UTC."""
    return _ns(date(2000 + int(text[-2:]), _MONTHS.index(text[-5:-2]) + 1, int(text[:-5])), 8)


def _month_code(hour: int) -> Expiry:
    """``Z25``: the last Friday of the month."""
    return lambda text: _ns(_last_weekday(2000 + int(text[1:]), _CODES.index(text[0]) + 1, _FRIDAY), hour)


def _london(text: str) -> int:
    """``210924``, at 16:00 in London: 15:00 UTC in summer time."""
    day = _compact(text)
    summer = _last_weekday(day.year, 3, _SUNDAY) <= day < _last_weekday(day.year, 10, _SUNDAY)
    return _ns(day, 15 if summer else 16)


_B: Final = r"(?P<base>[0-9A-Z\u4e00-\u9fff]+?)"
_DAY: Final = rf"(?P<expiry>\d{{1,2}}(?:{'|'.join(_MONTHS)})\d\d)"
_CODE: Final = rf"(?P<expiry>[{_CODES}]\d\d)"
_SIX: Final = r"(?P<expiry>\d{6})"
_STRIKE: Final = r"(?P<strike>\d+(?:[d.]\d+)?)-(?P<right>[CP])"
_FIAT: Final = "EUR|GBP|TRY|BRL|AUD|JPY|UAH|ARS|PLN|RON|ZAR|MXN|COP|CZK|IDR|RUB|NGN|VAI|DAI|BIDR"
_SPOT: Final = (
    rf"{_B}(?P<quote>USDT|USDC|FDUSD|TUSD|BUSD|USD1|USDP|USDS|USDE|BTC|ETH|BNB|SOL|XRP|TRX|DOGE|MNT|{_FIAT}|EURI|USD)"
)
_LINEAR: Final = rf"{_B}(?P<quote>USDT|USDC|BUSD|USD1|BTC|U)"
_DASHED: Final = r"(?P<base>[0-9A-Za-z]+)-(?P<quote>[0-9A-Z]+)"
_XBT: Final = r"(?P<base>[0-9A-Z]{2,}?)"

_OKX_COIN: Final = {"BTC": "100", "": "10"}
_OKX_TETHER: Final = {
    **dict.fromkeys(("ATOM", "AVAX", "DOT", "LINK", "LTC", "SOL", "UNI"), "1"),
    **dict.fromkeys(("ALGO", "ETC", "NEAR"), "10"),
    **dict.fromkeys(("ADA", "XLM", "XRP"), "100"),
    **dict.fromkeys(("DOGE", "TRX"), "1000"),
    **dict.fromkeys(("BCH", "ETH", "FIL"), "0.1"),
    "BTC": "0.01",
    "SHIB": "1000000",
}
_BITMEX_QUANTO: Final = {"ETH": "0.000001", "BCH": "0.000001", "LTC": "0.000002", "XRP": "0.0002"}
_BITMEX_TETHER: Final = {"XBT": "0.000001", "ETH": "0.00001"}

FORMS: Final[dict[str, tuple[Form, ...]]] = {
    "binance": (Form(_SPOT, SPOT),),
    "binance_usdm": (Form(_LINEAR, PERP), Form(rf"{_LINEAR}_{_SIX}", FUTURE, expiry=_yymmdd)),
    "binance_coinm": (
        Form(rf"{_B}USD_PERP", PERP, "USD", "base", True, {"BTC": "100", "": "10"}, lot="1"),
        Form(rf"{_B}USD_{_SIX}", FUTURE, "USD", "base", True, {"BTC": "100", "": "10"}, _yymmdd, lot="1"),
    ),
    "binance_options": (Form(rf"{_B}-{_SIX}-{_STRIKE}", OPTION, "USDT", expiry=_yymmdd),),
    "bybit": (
        Form(rf"{_B}(?P<quote>USDT)", PERP),
        Form(rf"{_B}PERP", PERP, "USDC"),
        Form(rf"{_B}USD", PERP, "USD", "base", True, lot="1"),
        Form(rf"{_B}USD{_CODE}", FUTURE, "USD", "base", True, expiry=_month_code(8), lot="1"),
        Form(rf"{_B}(?P<quote>USDT)-{_DAY}", FUTURE, expiry=_dmmmyy),
        Form(rf"{_B}-{_DAY}", FUTURE, "USDC", expiry=_dmmmyy),
        Form(rf"{_B}-{_DAY}-{_STRIKE}-(?P<quote>USDT)", OPTION, expiry=_dmmmyy),
        Form(rf"{_B}-{_DAY}-{_STRIKE}", OPTION, "USDC", expiry=_dmmmyy),
    ),
    "bybit_spot": (Form(_SPOT, SPOT),),
    "okx": (
        Form(rf"{_B}-(?P<quote>USD)-SWAP", PERP, settle="base", inverse=True, multiplier=_OKX_COIN),
        Form(rf"{_B}-(?P<quote>USDT)-SWAP", PERP, multiplier=_OKX_TETHER),
        Form(rf"{_B}-(?P<quote>USDC)-SWAP", PERP, multiplier={}),
        Form(rf"{_B}-(?P<quote>USD)-{_SIX}", FUTURE, "", "base", True, _OKX_COIN, _yymmdd),
        Form(rf"{_B}-(?P<quote>USDT)-{_SIX}", FUTURE, multiplier=_OKX_TETHER, expiry=_yymmdd),
        Form(rf"{_B}-USD-{_SIX}-{_STRIKE}", OPTION, "base", multiplier={"BTC": "0.01", "ETH": "0.1"}, expiry=_yymmdd),
        Form(_DASHED, SPOT),
    ),
    "deribit": (
        Form(rf"{_B}_(?P<quote>[A-Z]+)-PERPETUAL", PERP),
        Form(rf"{_B}-PERPETUAL", PERP, "USD", "base", True),
        Form(rf"{_B}_(?P<quote>[A-Z]+)-{_DAY}-{_STRIKE}", OPTION, expiry=_dmmmyy),
        Form(rf"{_B}-{_DAY}-{_STRIKE}", OPTION, "base", expiry=_dmmmyy, tick="0.0001"),
        Form(rf"{_B}_(?P<quote>[A-Z]+)-{_DAY}", FUTURE, expiry=_dmmmyy),
        Form(rf"{_B}-{_DAY}", FUTURE, "USD", "base", True, expiry=_dmmmyy),
        Form(rf"{_B}_(?P<quote>[A-Z]+)", SPOT),
    ),
    "coinbase": (Form(_DASHED, SPOT),),
    "kraken": (Form(r"(?P<base>[0-9A-Za-z.]+)/(?P<quote>[0-9A-Za-z]+)", SPOT),),
    "kraken_futures": (
        Form(r"pi_(?P<base>[0-9a-z]+?)(?P<quote>usd)", PERP, "", "base", True, lot="1"),
        Form(r"pf_(?P<base>[0-9a-z]+?)(?P<quote>usd)", PERP),
        Form(rf"fi_(?P<base>[0-9a-z]+?)(?P<quote>usd)_{_SIX}", FUTURE, "", "base", True, "1", _london, lot="1"),
        Form(rf"ff_(?P<base>[0-9a-z]+?)(?P<quote>usd)_{_SIX}", FUTURE, expiry=_london),
    ),
    "bitmex": (
        Form(r"(?P<base>XBT)(?P<quote>USD|EUR)", PERP, "", "base", True, lot="1"),
        Form(rf"(?P<base>XBT)(?P<quote>EUR){_CODE}", FUTURE, "", "base", True, "1", _month_code(12), lot="1"),
        Form(rf"(?P<base>XBT){_CODE}", FUTURE, "USD", "base", True, "1", _month_code(12), lot="1"),
        Form(rf"{_XBT}(?P<quote>USDT)", PERP, multiplier=_BITMEX_TETHER, lot="1"),
        Form(rf"{_XBT}(?P<quote>USDT){_CODE}", FUTURE, multiplier=_BITMEX_TETHER, expiry=_month_code(12), lot="1"),
        Form(rf"{_XBT}(?P<quote>USD)", PERP, settle="XBT", multiplier=_BITMEX_QUANTO, lot="1"),
        Form(rf"{_XBT}(?P<quote>USD){_CODE}", FUTURE, "", "XBT", False, _BITMEX_QUANTO, _month_code(12), lot="1"),
        Form(rf"{_XBT}{_CODE}", FUTURE, "XBT", expiry=_month_code(12), lot="1"),
        Form(rf"{_XBT}_(?P<quote>[A-Z]+)", SPOT),
    ),
    "hyperliquid": (
        Form(r"(?P<base>[0-9A-Za-z]+)/(?P<quote>[0-9A-Za-z]+)", SPOT),
        Form(r"(?:[0-9a-z]+:)?(?P<base>[0-9A-Za-z]+)", PERP, "USD", "USDC"),
    ),
    "dydx": (Form(r"(?P<base>[0-9A-Z]+)-(?P<quote>USD)", PERP, settle="USDC"),),
    "nyse": (Form(r"(?P<base>[A-Z]{1,5}(?:\.[A-Z])?)", SPOT, "USD", tick="0.01", lot="1"),),
}

EXAMPLES: Final = {
    "binance": "BTCUSDT",
    "binance_usdm": "BTCUSDT or BTCUSDT_240927",
    "binance_coinm": "BTCUSD_PERP or BTCUSD_240927",
    "binance_options": "BTC-260327-80000-C",
    "bybit": "BTCUSDT, BTCUSD, BTCPERP, BTC-27MAR26, BTCUSDZ25 or BTC-27MAR26-80000-C",
    "bybit_spot": "BTCUSDT",
    "okx": "BTC-USDT, BTC-USDT-SWAP, BTC-USD-220527 or BTC-USD-220514-22000-C",
    "deribit": "BTC-PERPETUAL, BTC-27MAR26, BTC-27MAR26-80000-C, XRP_USDC-27MAR26-0d625-C or BTC_USDC",
    "coinbase": "BTC-USD",
    "kraken": "BTC/USD",
    "kraken_futures": "pi_xbtusd, pf_xbtusd or fi_xbtusd_210924, in lower case",
    "bitmex": "XBTUSD, XBTU21, ETHUSD or XBTUSDT",
    "hyperliquid": "a coin such as BTC, or a pair such as PURR/USDC",
    "dydx": "BTC-USD",
    "nyse": "AIG",
}

# price and size steps of well-known instruments; every other one has those of its form
GRIDS: Final = {
    "binance:BTCUSDT": ("0.01", "0.00000001"),
    "binance:ETHUSDT": ("0.01", "0.00000001"),
    "binance_coinm:BTCUSD_PERP": ("0.1", "1"),
    "binance_coinm:ETHUSD_PERP": ("0.01", "1"),
    "binance_usdm:BTCUSDT": ("0.1", "0.001"),
    "binance_usdm:ETHUSDT": ("0.01", "0.001"),
    "bitmex:XBTUSD": ("0.1", "100"),
    "bybit:BTCUSD": ("0.1", "1"),
    "bybit:BTCUSDT": ("0.1", "0.001"),
    "bybit:ETHUSDT": ("0.01", "0.01"),
    "coinbase:BTC-USD": ("0.01", "0.00000001"),
    "deribit:BTC-PERPETUAL": ("0.5", "10"),
    "deribit:ETH-PERPETUAL": ("0.05", "1"),
    "dydx:BTC-USD": ("1", "0.0001"),
    "hyperliquid:BTC": ("1", "0.00001"),
    "kraken:BTC/USD": ("0.1", "0.00000001"),
    "kraken_futures:pf_xbtusd": ("1", "0.0001"),
    "kraken_futures:pi_xbtusd": ("0.5", "1"),
    "okx:BTC-USD-SWAP": ("0.1", "1"),
    "okx:BTC-USDT": ("0.1", "0.00000001"),
    "okx:BTC-USDT-SWAP": ("0.1", "0.01"),
}
