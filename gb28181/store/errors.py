"""What can go wrong with the store.

StoreError
  StoreUnavailable(cause)     the database does not take the write; nothing was written
    StoreRefused(cause)       it never will: the row is at fault
  StoreTooNew(revision)       the database was migrated by a newer release
  BackupUnsupported(hint)     this database has its own tool for backups
"""

from __future__ import annotations


class StoreError(Exception):
    """Base of all errors of this package."""


class StoreUnavailable(StoreError):
    """A write-through or a flush failed; the cause is chained."""


class StoreRefused(StoreUnavailable):
    """A write-through the database can never take; trying again does not help."""


class StoreTooNew(StoreError):
    """The schema is of a release this one does not know; refusing beats damaging it."""


class BackupUnsupported(StoreError):
    """A server database is backed up with its own tool."""
