"""Lines of a table -> devices to enter or to change, and every problem with its line. Pure.

Nothing is half good: a table with one bad line changes nothing, so that it can be corrected and
sent again as it is. An empty cell leaves what is known as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Final, Protocol

from catalog.divisions import Divisions
from catalog.ids import is_gb_id
from gb28181.device.sheet import Line, Sheet

MOST_NAME: Final = 256
MOST_PASSWORD: Final = 128
TRANSPORTS: Final = {
    "udp": "udp",
    "tcp": "tcp-passive",
    "tcppassive": "tcp-passive",
    "tcp被动": "tcp-passive",
    "tcpactive": "tcp-active",
    "tcp主动": "tcp-active",
}
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_PLAIN: Final = re.compile(r"[\s_\-]+")


@dataclass(frozen=True, slots=True)
class Entry:
    """One device as a table tells it; None where the table says nothing."""

    line: int
    device_id: str
    name: str | None = None
    password: str | None = field(default=None, repr=False)
    place: str | None = None
    transport: str | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong in a line. Passwords never stand in it."""

    line: int
    column: str
    zh: str
    en: str


class Known(Protocol):
    """What the plan asks about a device that exists."""

    @property
    def name(self) -> str: ...
    @property
    def password(self) -> str | None: ...
    @property
    def policy(self) -> Mapping[str, object]: ...
    @property
    def approved(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Plan:
    """What applying a table would do."""

    created: list[Entry]
    updated: list[Entry]
    unchanged: int
    problems: list[Problem]


def plan(sheet: Sheet, region: str, server_id: str, known: Callable[[str], Known | None]) -> Plan:
    """Judge every line, and sort the good ones by what they mean."""
    entries: list[Entry] = []
    problems: list[Problem] = []
    seen: dict[str, int] = {}
    for line in sheet.lines:
        found = _Reader(line, region, server_id)
        entry = found.entry()
        problems += found.problems
        before = seen.setdefault(entry.device_id, line.number)
        if before != line.number and entry.device_id:
            problems.append(
                Problem(
                    line.number,
                    "device_id",
                    f"与第 {before} 行的编号相同。",
                    f"The id stands in line {before} already.",
                )
            )
        entries.append(entry)
    if not entries:
        problems.append(Problem(1, "", "没有数据行。", "There is no line with a device."))
    if problems:
        return Plan([], [], 0, problems)
    created, updated = [], []
    for entry in entries:
        device = known(entry.device_id)
        if device is None:
            created.append(entry)
        elif _differs(entry, device):
            updated.append(entry)
    return Plan(created, updated, len(entries) - len(created) - len(updated), [])


def _differs(entry: Entry, device: Known) -> bool:
    policy = device.policy
    return not device.approved or any(
        given is not None and given != there
        for given, there in (
            (entry.name, device.name),
            (entry.password, device.password),
            (entry.place, policy.get("place")),
            (entry.transport, policy.get("transport")),
        )
    )


class _Reader:
    """One line."""

    def __init__(self, line: Line, region: str, server_id: str) -> None:
        self._line = line
        self._region = region
        self._server_id = server_id
        self.problems: list[Problem] = []

    def entry(self) -> Entry:
        return Entry(
            self._line.number,
            self._device_id(),
            self._name(),
            self._password(),
            self._place(),
            self._transport(),
        )

    def _bad(self, column: str, zh: str, en: str) -> None:
        self.problems.append(Problem(self._line.number, column, zh, en))

    def _device_id(self) -> str:
        text = self._line.values.get("device_id", "")
        if "device_id" in self._line.lost:
            self._bad(
                "device_id",
                "编号被表格软件当作数字，末尾已丢失。请将该列设为文本格式后重新填写。",
                "A spreadsheet took the id for a number and its end is lost. Format the column as "
                "text and enter it again.",
            )
        elif not is_gb_id(text):
            self._bad("device_id", "编号应为 20 位数字。", f"An id has 20 digits: {text[:40]!r}.")
        elif text == self._server_id:
            self._bad("device_id", "这是平台自身的编号。", "This is the id of the platform itself.")
        return text

    def _name(self) -> str | None:
        text = self._line.values.get("name", "")
        if len(text) > MOST_NAME or _CONTROL.search(text):
            self._bad(
                "name",
                f"名称最多 {MOST_NAME} 个字符，且不能换行。",
                f"A name has at most {MOST_NAME} characters, all in one line.",
            )
        return text or None

    def _password(self) -> str | None:
        text = self._line.values.get("password", "")
        if "password" in self._line.lost:
            self._bad(
                "password",
                "密码被表格软件当作数字，末尾已丢失。请设为文本格式。",
                "A spreadsheet took the password for a number and its end is lost. Format it as "
                "text.",
            )
        elif len(text) > MOST_PASSWORD or _CONTROL.search(text):
            self._bad(
                "password",
                f"密码最多 {MOST_PASSWORD} 个字符。",
                f"A password has at most {MOST_PASSWORD} characters.",
            )
        return text or None

    def _place(self) -> str | None:
        text = self._line.values.get("city", "")
        if not text:
            return None
        codes = codes_of(text, self._region)
        if len(codes) == 1:
            return codes[0]
        if codes:
            self._bad(
                "city",
                f"有多个“{text[:40]}”，请填写代码：{'、'.join(codes[:5])}。",
                f"There are several {text[:40]!r}; write the code: {', '.join(codes[:5])}.",
            )
        else:
            self._bad(
                "city",
                f"不认识的城市“{text[:40]}”，可填写名称或 4、6 位代码。",
                f"No city {text[:40]!r} is known; write its name or its code of 4 or 6 digits.",
            )
        return None

    def _transport(self) -> str | None:
        text = self._line.values.get("transport", "")
        if not text:
            return None
        found = TRANSPORTS.get(_PLAIN.sub("", text.lower()))
        if found is None:
            self._bad(
                "transport",
                "传输方式应为 udp、tcp-passive 或 tcp-active。",
                f"A transport is udp, tcp-passive or tcp-active, not {text[:40]!r}.",
            )
        return found


def codes_of(text: str, region: str) -> list[str]:
    """Division codes a text may mean: its own digits, or a name with or without its last word.
    Those inside the region come alone, if there are any."""
    stripped = text.strip()
    if stripped.isascii() and stripped.isdigit():
        code = stripped
        while len(code) > 4 and code.endswith("00"):
            code = code[:-2]
        known = len(code) in (4, 6) and Divisions.load().exists(code)
        return [code] if known else []
    found = _by_name().get(stripped, ())
    inside = [code for code in found if code.startswith(region)]
    # A city and a county of one name (`大理`): the shorter one is meant.
    best = inside or list(found)
    shortest = min((len(code) for code in best), default=0)
    return [code for code in best if len(code) == shortest]


@cache
def _by_name() -> dict[str, tuple[str, ...]]:
    """Names of cities and counties, and the names without `市`, `区`, `县` and the like."""
    table = Divisions.load()
    found: dict[str, list[str]] = {}
    for province in table.children(""):
        for city in table.children(province):
            for code in (city, *table.children(city)):
                name = table.name(code)
                short = re.sub(r"(?:市|地区|自治州|盟|区|县)\Z", "", name)
                for one in {name, short}:
                    if len(one) >= 2:
                        found.setdefault(one, []).append(code)
    return {name: tuple(codes) for name, codes in found.items()}
