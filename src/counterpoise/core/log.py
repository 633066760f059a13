"""Structured log to stderr: readable on a terminal, one JSON object a line elsewhere."""

from __future__ import annotations

import os
import sys
from typing import Any, Final

import structlog

__all__ = ["LEVELS", "configure_log", "get_log"]

LEVELS: Final = ("debug", "info", "warning", "error")


def configure_log(level: str = "info") -> None:
    """Set up structlog once, at the start of a command."""
    terminal = sys.stderr.isatty()
    renderer: Any = (
        structlog.dev.ConsoleRenderer(colors="NO_COLOR" not in os.environ)
        if terminal
        else structlog.processors.JSONRenderer(sort_keys=True)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),  # as it is when something is said, it may be replaced
        cache_logger_on_first_use=False,
    )


def get_log(**fields: Any) -> Any:
    """A logger that carries the given fields; of a program that configured nothing, warnings go to stderr."""
    if not structlog.is_configured():
        configure_log("warning")
    return structlog.get_logger(**fields)
