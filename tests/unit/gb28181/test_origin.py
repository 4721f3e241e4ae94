from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from gb28181 import origin

ROOT = Path(__file__).resolve().parents[3]
CHECK = "from gb28181.origin import require_own_packages; require_own_packages(); print('ours')"


def run_check(python_path: list[Path], cwd: Path) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, python_path))}
    return subprocess.run(
        [sys.executable, "-P", "-c", CHECK],
        cwd=cwd,
        env=environ,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def beside(name: str) -> Path:
    return Path("/srv/site-packages", name)


def test_the_checkout_is_its_own(tmp_path: Path) -> None:
    result = run_check([ROOT], tmp_path)
    assert (result.returncode, result.stdout, result.stderr) == (0, "ours\n", "")


def test_a_foreign_package_ends_the_start_with_one_sentence_and_78(tmp_path: Path) -> None:
    planted = tmp_path / "foreign" / "config"
    planted.mkdir(parents=True)
    (planted / "__init__.py").write_text("")
    result = run_check([planted.parent, ROOT], tmp_path)
    assert (result.returncode, result.stdout) == (78, "")
    assert result.stderr == (
        f"gb28181: the package config is not the one of gb28181 but {planted}: {origin.ADVICE}\n"
    )


def test_a_missing_package_is_named() -> None:
    fault = origin.fault(lambda name: None if name == "media" else beside(name), {})
    assert fault is not None
    assert fault.startswith("the package media of gb28181 is missing")


def test_files_overwritten_by_another_distribution_are_noticed() -> None:
    owners = {"config": ["gb28181", "config"], "sip": ["gb28181"]}
    fault = origin.fault(beside, owners)
    assert fault == f"the package config is also installed by config: {origin.ADVICE}"


def test_packages_of_one_distribution_are_ours() -> None:
    owners = {name: ["gb28181"] for name in origin.PACKAGES}
    assert origin.fault(beside, owners) is None
    assert origin.fault(beside, {}) is None
