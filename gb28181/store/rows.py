"""Records to rows and back; the only place where a password meets its cipher.

Text from devices is cleaned of NUL, which PostgreSQL cannot store: one odd byte in a User-Agent
must not hold up the batch of everybody else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from operator import attrgetter
from typing import Any

from gb28181.store.cipher import Cipher
from gb28181.store.records import (
    AlarmRecord,
    AlarmRuleRecord,
    ApiKeyRecord,
    ChannelRecord,
    DeviceRecord,
    DialogRecord,
    IntervalRecord,
    PositionRecord,
    RegistrationRecord,
    RunRecord,
    SubscriptionRecord,
    UserRecord,
)

Row = dict[str, Any]
Record = (
    DeviceRecord
    | RegistrationRecord
    | ChannelRecord
    | IntervalRecord
    | DialogRecord
    | SubscriptionRecord
    | AlarmRecord
    | AlarmRuleRecord
    | PositionRecord
    | UserRecord
    | ApiKeyRecord
    | RunRecord
)

_SPECIAL = {DeviceRecord: ("password",), IntervalRecord: ("start", "end")}


def _clean(value: Any) -> Any:
    """The value without what no database takes: NUL, and lone surrogates."""
    if type(value) is str:
        if value.isascii():
            return value.replace("\x00", "")
        return value.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
    if type(value) is dict:
        return {_clean(key): _clean(inner) for key, inner in value.items()}
    if type(value) is list:
        return [_clean(inner) for inner in value]
    return value


def _plain(kind: type[Any]) -> Callable[[Any], Row]:
    names = tuple(f.name for f in fields(kind) if f.name not in _SPECIAL.get(kind, ()))
    values_of = attrgetter(*names)

    def convert(record: Any) -> Row:
        row: Row = {}
        for name, value in zip(names, values_of(record), strict=True):
            form = type(value)
            if form is str:
                if not value.isascii() or "\x00" in value:
                    value = _clean(value)
            elif form is dict or form is list:
                value = _clean(value)  # also a copy: the record goes on changing
            row[name] = value
        return row

    return convert


_device = _plain(DeviceRecord)
_interval = _plain(IntervalRecord)
_others: dict[type, Callable[[Any], Row]] = {
    kind: _plain(kind)
    for kind in (
        RegistrationRecord,
        ChannelRecord,
        DialogRecord,
        SubscriptionRecord,
        AlarmRecord,
        AlarmRuleRecord,
        PositionRecord,
        UserRecord,
        ApiKeyRecord,
        RunRecord,
    )
}


def to_row(record: Record, cipher: Cipher) -> Row:
    """The row of a record, as it is now: later changes of the record do not reach it."""
    if isinstance(record, DeviceRecord):
        row = _device(record)
        password = record.password
        row["password"] = None if password is None else cipher.encrypt(password)
        return row
    if isinstance(record, AlarmRuleRecord):
        row = _others[AlarmRuleRecord](record)
        row["secret"] = None if record.secret is None else cipher.encrypt(record.secret)
        return row
    if isinstance(record, IntervalRecord):
        row = _interval(record)
        row["started_at"], row["ended_at"] = record.start, record.end
        return row
    return _others[type(record)](record)


def times_of(record: Any) -> Row:
    """Of a registration what a refresh changes, as parameters of `Statements.refresh`."""
    return {
        "k_device_id": record.device_id,
        "b_registered_at": record.registered_at,
        "b_expires_at": record.expires_at,
    }


def device_from(row: Mapping[str, Any], cipher: Cipher) -> tuple[DeviceRecord, bool]:
    """The record, and whether its password could be read (False after a lost key file)."""
    values = dict(row)
    token = values["password"]
    password = None if token is None else cipher.decrypt(token)
    values["password"] = password
    return DeviceRecord(**values), token is None or password is not None


def interval_from(row: Mapping[str, Any]) -> IntervalRecord:
    return IntervalRecord(
        row["device_id"], row["state"], row["cause"], row["started_at"], row["ended_at"]
    )


def alarm_rule_from(row: Mapping[str, Any], cipher: Cipher) -> AlarmRuleRecord:
    """The record; a secret of another key file counts as none."""
    token = row["secret"]
    return AlarmRuleRecord(**{**row, "secret": None if token is None else cipher.decrypt(token)})
