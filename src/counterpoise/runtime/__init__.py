"""One loop for replay, paper and live, its journal, and what a journal recovers."""

from counterpoise.runtime.journal import Journal, JournalRecord, LineJournal
from counterpoise.runtime.restart import Recovered, Resumable, recover
from counterpoise.runtime.session import Session, SessionResult

__all__ = ["Journal", "JournalRecord", "LineJournal", "Recovered", "Resumable", "Session", "SessionResult", "recover"]
