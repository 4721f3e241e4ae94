"""What an operator does to devices: enter, change, approve, remove. On disk when it returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from catalog.ids import is_gb_id
from gb28181.device import policy as policies
from gb28181.device.estate import Estate
from gb28181.device.model import Device
from gb28181.device.registry import Input
from gb28181.device.state import DeviceState
from gb28181.errors import BadInput, Conflict, NotFound
from gb28181.store.records import DeviceRecord, RegistrationRecord

MOST_NAME = 256
MOST_PASSWORD = 128


class Managing:
    """One per node."""

    def __init__(self, estate: Estate) -> None:
        self._estate = estate

    def find(self, device_id: str) -> Device:
        """The device, or NotFound."""
        device = self._estate.devices.get(device_id)
        if device is None:
            raise NotFound("device", device_id)
        return device

    async def create(self, device_id: str, name: str = "", password: str | None = None) -> Device:
        """Enter a device before it registers, or approve one that waits by entering it."""
        if not is_gb_id(device_id):
            raise BadInput("a device id has 20 digits", device_id=device_id)
        if device_id == self._estate.options.server_id:
            raise BadInput("this is the id of the platform itself", device_id=device_id)
        _check_name(name)
        _check_password(password)
        known = self._estate.devices.get(device_id)
        if known is not None and known.record.approved:
            raise Conflict("device_exists", f"device {device_id} exists", device_id=device_id)
        record = DeviceRecord(
            device_id,
            name=name,
            name_fixed=bool(name),
            password=password,
            origin="operator",
            created_at=self._estate.clock.civil(),
        )
        await self._estate.store.save_device(record)
        device = self._estate.devices.get(device_id)
        if device is None:
            registration = RegistrationRecord(device_id, DeviceState.UNKNOWN.value)
            device = self._estate.new_device(record, registration)
        else:
            device.record = record
        self._estate.show(device)
        self._estate.news.device("device.added", device)
        return device

    async def update(self, device_id: str, changes: Mapping[str, Any]) -> Device:
        """Change name, password or settings (`policy.KEYS`); None takes a setting back."""
        device = self.find(device_id)
        record = replace(device.record)
        given = dict(changes)
        if "name" in given:
            name = given.pop("name") or ""
            _check_name(name)
            record.name, record.name_fixed = name, bool(name)
        if "password" in given:
            password = given.pop("password")
            _check_password(password)
            record.password = password
        record.policy = _merged(record.policy, given)
        await self._estate.store.save_device(record)
        device.record = record
        self.settle(device)
        self._estate.rename(device)
        self._estate.news.device("device.updated", device)
        return device

    def settle(self, device: Device) -> None:
        """Let a changed policy take effect now."""
        policy = policies.effective(self._estate.options.policy, device.record.policy)
        moved = policy.place != device.policy.place
        device.policy = policy
        if moved and device.items:
            complete = device.record.catalog_at is not None
            found = self._estate.book.rearrange(device, device.items, complete=complete)
            self._estate.take(device, found)
        device.presence.silence_s = policy.silence_s
        device.charsets.set_override(policy.charset)
        self._estate.watch(device)
        for listener in self._estate.on_policy:
            listener(device.device_id)

    async def approve(self, device_id: str) -> Device:
        """Let a waiting device in; it registers again by itself within a minute or so."""
        device = self.find(device_id)
        if not device.record.approved:
            record = replace(device.record, approved=True)
            await self._estate.store.save_device(record)
            device.record = record
            self._estate.show(device)
            self._estate.news.device("device.updated", device)
        return device

    async def delete(self, device_id: str) -> None:
        """Remove a device with its channels, its history and its public ids."""
        device = self.find(device_id)
        self._estate.feed(device, Input.REMOVE)
        self._estate.drop(device)
        await self._estate.store.delete_device(device_id)

    async def hide(self, channel_id: str, value: bool) -> None:
        """Hide a channel (a recorder's empty input), or show it again."""
        channel = self._estate.tree.channel(channel_id)
        if channel is None:
            raise NotFound("channel", channel_id)
        device = self.find(channel.device_id)
        rows = self._estate.book.hide(device, channel_id, value)
        await self._estate.store.save_channels(rows)
        self._estate.news.tree(self._estate.tree.put_channel(device.channels[channel_id]))
        self._estate.news.device("device.updated", device)


def _merged(old: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    try:
        good = policies.checked(given)
    except policies.BadPolicy as error:
        raise BadInput(str(error), **error.problems) from error
    kept = {key: value for key, value in old.items() if key not in given}
    return {**kept, **good}


def _check_name(name: str) -> None:
    if len(name) > MOST_NAME:
        raise BadInput(f"a name has at most {MOST_NAME} characters")


def _check_password(password: str | None) -> None:
    if password is not None and not 1 <= len(password) <= MOST_PASSWORD:
        raise BadInput(f"a password has 1 to {MOST_PASSWORD} characters")
