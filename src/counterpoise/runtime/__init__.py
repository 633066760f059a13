"""One loop for replay, paper and live, and its journal."""

from counterpoise.runtime.journal import Journal, JournalRecord, LineJournal
from counterpoise.runtime.session import Session, SessionResult

__all__ = ["Journal", "JournalRecord", "LineJournal", "Session", "SessionResult"]
