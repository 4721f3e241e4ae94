"""The reference page of simulated devices: families with their habits, and faults by item."""

from __future__ import annotations

from docs.tools.tables import table
from gb28181.simulator.fault_table import MEANINGS
from gb28181.simulator.profiles import HABITS, MIXED, PROFILES

HEAD = """\
# Simulated devices

<!-- Made by `make reference` from gb28181/simulator/profiles.py and fault_table.py. -->

What `gb28181 simulate` can be told to be ([how to use it](../howto/simulate.md)). None of this was
tried against the named makers' hardware: families are put together from what users of other
platforms report in public.

"""

FAMILIES = """\
## Families

`--profile NAME`, more than once for a mixture in turn; `{mixed}` is all of them.

"""

HABITS_HEAD = """\
## Habits

What devices of a family always do and the standard does not foresee. Numbers are those of
[what we accept that the standard does not](../conformance/leniencies.md); a habit without one is a
choice the standard leaves.

"""

FAULTS = """\
## Faults

`--fault name[=value][@share]`: one thing that is broken, together with any family. The item is the
one of a conformance check that a device with this fault fails.

"""


def page() -> str:
    profiles = table(
        ("Family", "Edition", "X-GB-Ver", "What it is", "Habits"),
        (
            (
                f"`{one.name}`",
                str(one.edition),
                one.gb_version or "none",
                one.text,
                ", ".join(f"`{habit}`" for habit in HABITS if one.has(habit)) or "none",
            )
            for one in PROFILES.values()
        ),
    )
    habits = table(
        ("Habit", "No.", "What the device does"),
        (
            (f"`{habit}`", "" if about.number is None else str(about.number), about.text)
            for habit, about in HABITS.items()
        ),
    )
    faults = table(
        ("Item", "Fault", "Value", "What the device does"),
        (
            (
                meaning.item,
                f"`{fault}`",
                "" if meaning.default is None else f"{meaning.default:g}",
                meaning.text,
            )
            for fault, meaning in MEANINGS.items()
        ),
    )
    parts = (HEAD, FAMILIES.format(mixed=MIXED), profiles, HABITS_HEAD, habits, FAULTS, faults)
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)
