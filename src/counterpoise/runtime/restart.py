"""Restart: an execution whose process died is rebuilt from its journal and goes on with what remains.

Nothing the journal intended is sent again. What it cannot tell the end of may be live at the venue, and counts as such until
the venue says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from counterpoise.balance.execution import Execution
from counterpoise.core.errors import InputError
from counterpoise.market.order import Fill, Order, OrderState, OrderUpdate, tells_of_order
from counterpoise.runtime.fill_book import FillBook
from counterpoise.runtime.journal import Finished, Intent, JournalRecord, RefusedIntent, Started, VenueSaid

__all__ = ["Recovered", "Resumable", "recover"]


class Resumable(Execution, Protocol):
    """An execution that can take up orders of an earlier process."""

    def take_up(self, order: Order) -> None:
        """Take up an order that was intended under our name; it counts as in flight."""
        ...

    def doubt(self) -> tuple[str, ...]:
        """Ask the venue about everything that is live, at the next decision; returns its client ids."""
        ...


class Recovered(NamedTuple):
    """What a journal leaves open.

    Attributes
    ----------
    unanswered : tuple of str
        Client ids of orders of which the venue said nothing: it may never have had them.
    unsettled : tuple of str
        Client ids of all orders whose end, or whose fills, the journal does not tell, the unanswered among them.
    fills : tuple of Fill
        Those that the journal holds, each once.
    """

    unanswered: tuple[str, ...]
    unsettled: tuple[str, ...]
    fills: tuple[Fill, ...]


def recover(records: Iterable[JournalRecord], execution: Resumable, *, config_hash: str | None = None) -> Recovered:
    """Tell a fresh execution all that its journal holds, in the journal's order.

    A cancel that was intended is not taken for sent: it is sent again where it is still wanted, which does no harm. At its
    first decision the execution asks about all that is unsettled: what the venue said and nobody wrote down comes back so.

    Parameters
    ----------
    records : iterable of JournalRecord
    execution : Resumable
        As it was made for the run that died, with nothing sent yet.
    config_hash : str, optional
        Of the configuration now, to be the one that the journal began with.

    Raises
    ------
    InputError
        If the run ended by itself, its configuration was another one, or the orders are not this execution's.
    """
    silent: dict[str, tuple[int, Order]] = {}
    fills = FillBook()
    for record in records:
        if isinstance(record, Finished):
            raise InputError("the run of this journal ended by itself; there is nothing to resume: start a new one")
        if isinstance(record, Started) and config_hash not in (None, record.config_hash):
            raise InputError(
                f"the journal began with configuration {record.config_hash} and this one is {config_hash}; "
                "resume with the file the run was started with"
            )
        if isinstance(record, Intent | RefusedIntent):
            execution.take_up(record.order)
        if isinstance(record, RefusedIntent):
            execution.refused(record.order.client_id)
        elif isinstance(record, Intent):
            silent[record.order.client_id] = (record.ts_ns, record.order)
        elif isinstance(record, VenueSaid):
            execution.hear(record.event)
            fills.hear(record.event)
            if tells_of_order(record.event):
                silent.pop(record.event.client_id, None)
    for name, (ts_ns, order) in silent.items():
        execution.hear(OrderUpdate(ts_ns=ts_ns, client_id=name, state=OrderState.UNKNOWN, left_lots=order.qty_lots))
    return Recovered(tuple(silent), execution.doubt(), tuple(fills.all))
