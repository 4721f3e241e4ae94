"""The checkout as a whole: links, leaked paths, what git ignores, the lock file."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.rules.source import PACKAGES, ROOT

TEXT = {".py", ".md", ".toml", ".lock", ".json", ".ts", ".vue", ".js", ".html", ".yml", ".xml", ""}
LINK = re.compile(r"(?<!\\)\[[^\]\n]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
HEADING = re.compile(r"^#+\s+(.+?)\s*#*$", re.MULTILINE)
# Written in pieces so that this file does not match itself.
LEAKS = re.compile("|".join(["/wor" + "k/", "/roo" + "t/", "/hom" + "e/[a-z]", "/tmp/" + "seams"]))


def sources() -> list[Path]:
    """Files of the checkout, new ones too, without what git ignores."""
    return [path for path in listed("--cached", "--others", "--exclude-standard") if path.is_file()]


def tracked() -> list[Path]:
    """Files git knows."""
    return [path for path in listed("--cached") if path.is_file()]


def listed(*options: str) -> list[Path]:
    """In an unpacked source archive: everything that is no build result."""
    if (ROOT / ".git").exists() and shutil.which("git"):
        command = ["git", "-c", "safe.directory=*", "ls-files", "-z", *options]
        listing = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
        return [ROOT / name for name in listing.decode().split("\0") if name]
    skipped = {".venv", "node_modules", "static", "__pycache__", "data"}
    return [p for p in ROOT.rglob("*") if p.is_file() and not skipped & set(p.parts)]


def text_files() -> list[Path]:
    return [path for path in tracked() if path.suffix in TEXT and path.is_file()]


def anchor(heading: str) -> str:
    """How the usual renderers make an address of a heading."""
    plain = re.sub(r"[^\w\- ]", "", re.sub(r"[`*]", "", heading).strip().lower())
    return plain.replace(" ", "-")


def pages() -> list[Path]:
    return [path for path in tracked() if path.suffix == ".md" and path.is_file()]


def test_links_between_pages_lead_somewhere() -> None:
    broken = []
    for page in pages():
        text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
        for link in LINK.findall(text):
            if re.match(r"[a-z]+:", link):
                continue
            name, _, fragment = link.partition("#")
            goal = (page.parent / name).resolve() if name else page
            if not goal.exists():
                broken.append(f"{page.relative_to(ROOT)}: {link}")
            elif fragment and goal.suffix == ".md":
                anchors = {anchor(h) for h in HEADING.findall(goal.read_text("utf-8"))}
                if fragment not in anchors:
                    broken.append(f"{page.relative_to(ROOT)}: {link} (no such heading)")
    assert not broken, "\n" + "\n".join(broken)


def test_every_page_of_the_docs_can_be_reached_from_the_index() -> None:
    docs = ROOT / "docs"
    seen: set[Path] = set()
    waiting = [docs / "index.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or page.suffix != ".md" or not page.is_file():
            continue
        seen.add(page)
        for link in LINK.findall(page.read_text("utf-8")):
            waiting.append((page.parent / link.partition("#")[0]).resolve())
    lost = [str(p.relative_to(ROOT)) for p in pages() if docs in p.parents and p not in seen]
    assert not lost, f"no page links to {lost}"


def test_no_path_of_a_developers_machine_is_left() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}"
        for path in text_files()
        for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1)
        if LEAKS.search(line)
    ]
    assert not found, "\n" + "\n".join(found)


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="a source archive has no git")
def test_git_ignores_no_source_folder() -> None:
    names = [f"{package}/new_file.py" for package in PACKAGES]
    names += ["web/src/media/new.ts", "web/src/config/new.ts", "tests/unit/media/test_new.py"]
    result = subprocess.run(
        ["git", "check-ignore", *names], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.stdout == ""


def test_the_wheel_is_told_its_five_packages() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert set(project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]) == set(PACKAGES)
    assert "Private :: Do Not Upload" in project["project"]["classifiers"]


def test_lock_files_name_no_place_to_download_from() -> None:
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    assert "://" not in lock
    node_lock = ROOT / "web" / "package-lock.json"
    if node_lock.is_file():
        assert '"resolved"' not in node_lock.read_text("utf-8")


def test_every_dependency_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    wanted = [*project["dependencies"], *(line for extra in extras for line in extra)]
    names = {normal(re.split(r"[\[<>=!~; ]", line)[0]) for line in wanted}
    lines = (ROOT / "requirements.lock").read_text("utf-8").splitlines()
    locked = {normal(line.partition("==")[0]) for line in lines if "==" in line}
    assert names - locked == set()


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
