"""What the store can be told; the application fills it from its settings."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """Defaults fit the platform; tests shorten them."""

    flush_interval_s: float = 0.5
    """Longest time a change waits in memory before its batch is written."""
    queue_limit: int = 200_000
    """Rows that may wait while the database fails."""
    retention_days: int = 400
    """Age at which closed intervals, dialogs and runs are removed; 0 keeps them for ever."""
    alarm_retention_days: int = 400
    """Age at which alarms are removed; 0 keeps them for ever."""
    position_retention_days: int = 90
    """Age at which positions are removed; 0 keeps them for ever."""
    alive_interval_s: float = 10.0
    """How often the run notes that it lives; the error of a downtime after kill -9."""
    purge_first_s: float = 60.0
    purge_interval_s: float = 6 * 3600.0
    busy_timeout_ms: int = 5000
    """How long SQLite waits for somebody else's lock."""
    close_timeout_s: float = 3.0
    """Longest time the last flush may take."""
