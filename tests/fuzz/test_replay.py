"""Every seed and every input that was ever found keeps its target's promise."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz import corpus
from tests.fuzz.__main__ import main
from tests.fuzz.cutting import Script, however_cut
from tests.fuzz.table import TARGETS
from tests.rules.source import ROOT

MOST_CORPUS = 1 << 20


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_and_found_inputs(name: str) -> None:
    target = TARGETS[name]
    inputs = [b"", *target.seeds(), *corpus.found(name)]
    assert len(inputs) > 1
    for number, data in enumerate(inputs):
        try:
            target.check(data)
        except Exception as error:
            error.add_note(f"input {number} of {name}: {data.hex()}")
            raise


def test_every_target_is_in_the_table_and_the_corpus_is_small() -> None:
    here = Path(__file__).parent
    written = {path.stem: path.read_text("utf-8") for path in here.glob("*.py")}
    files = {name for name, text in written.items() if "\ndef check(" in text}
    assert files == set(TARGETS)
    kept = list(corpus.FOLDER.iterdir())
    assert {path.stem for path in kept} <= set(TARGETS)
    assert sum(path.stat().st_size for path in kept) < MOST_CORPUS


def test_a_decoder_that_depends_on_the_cuts_is_noticed() -> None:
    assert however_cut(lambda: lambda piece: list(piece), b"abc" * 30) == list(b"abc" * 30)
    with pytest.raises(AssertionError, match="pieces of 1 bytes"):
        however_cut(lambda: lambda piece: [len(piece)], b"abc")


def test_a_script_ends_in_zeros() -> None:
    script = Script(b"\1\2\3")
    assert (script.number(), script.take(1), script.number(2)) == (1, b"\2", 0x0300)
    assert not script.left


def test_finds_are_kept_once_and_only_what_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpus, "FOLDER", tmp_path)
    assert corpus.keep("x", [b"a", b"a", b"", bytes(corpus.MOST_INPUT + 1)]) == 1
    assert corpus.keep("x", [bytes(corpus.MOST_INPUT + 1)], why="crash") == 1
    assert corpus.found("x") == [b"a", bytes(corpus.MOST_INPUT + 1)]


def test_an_unknown_target_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["media_nothing"])
    assert ended.value.code == 2
    assert "no such target: media_nothing" in capsys.readouterr().err


def test_without_atheris_it_says_so_plainly() -> None:
    """As on a machine for which there is no wheel."""
    code = (
        "import importlib.util as u, sys; real = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'atheris' else real(name, *a)\n"
        "from tests.fuzz.__main__ import main; sys.exit(main(['media_rtcp']))"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 3
    assert "atheris is not installed" in run.stdout
