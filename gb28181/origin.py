"""Start-up check: the five packages must be ours. Four have names other software uses as well.

Installing a distribution called `config`, `sip` or `media` beside us overwrites or hides our files
without a word. The five must lie side by side in one folder, and belong to one distribution where
any is installed. Otherwise: one sentence, exit code 78 (EX_CONFIG).
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

PACKAGES = ("gb28181", "sip", "media", "catalog", "config")
DISTRIBUTION = "gb28181"
EXIT_CODE = 78
ADVICE = "install gb28181 alone in a virtual environment of its own, or use its image"

Locate = Callable[[str], Path | None]


def locate(package: str) -> Path | None:
    """Folder the package would be imported from; None when there is none."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).resolve().parent


def fault(
    locate: Locate = locate,
    owners: Mapping[str, list[str]] | None = None,
) -> str | None:
    """One sentence on what is wrong, or None when the packages are ours."""
    homes = {name: locate(name) for name in PACKAGES}
    missing = [name for name, home in homes.items() if home is None]
    if missing:
        return f"the package {missing[0]} of gb28181 is missing: {ADVICE}"
    ours = homes[PACKAGES[0]]
    for name, home in homes.items():
        if ours is None or home is None or home.parent != ours.parent:
            return f"the package {name} is not the one of gb28181 but {home}: {ADVICE}"
    owners = importlib.metadata.packages_distributions() if owners is None else owners
    for name in PACKAGES:
        others = sorted(set(owners.get(name, ())) - {DISTRIBUTION})
        if others:
            return f"the package {name} is also installed by {others[0]}: {ADVICE}"
    return None


def require_own_packages() -> None:
    """Ends the process with code 78 when one of the five packages is somebody else's."""
    message = fault()
    if message is not None:
        print(f"gb28181: {message}", file=sys.stderr)
        raise SystemExit(EXIT_CODE)
