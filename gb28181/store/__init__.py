"""What must last: devices, channels, states, dialogs, users, secrets; on SQLite or PostgreSQL.

Not here: what any of it means. The floors above hold the live state and hand records over.
"""

from gb28181.store.backup import backup_database
from gb28181.store.errors import BackupUnsupported, StoreError, StoreTooNew, StoreUnavailable
from gb28181.store.options import StoreOptions
from gb28181.store.records import (
    ApiKeyRecord,
    ChannelRecord,
    DeviceRecord,
    DialogRecord,
    IntervalRecord,
    RegistrationRecord,
    RunRecord,
    UserRecord,
)
from gb28181.store.store import Store

__all__ = [
    "ApiKeyRecord",
    "BackupUnsupported",
    "ChannelRecord",
    "DeviceRecord",
    "DialogRecord",
    "IntervalRecord",
    "RegistrationRecord",
    "RunRecord",
    "Store",
    "StoreError",
    "StoreOptions",
    "StoreTooNew",
    "StoreUnavailable",
    "UserRecord",
    "backup_database",
]
