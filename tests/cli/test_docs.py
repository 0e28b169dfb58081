"""The pages that are made from the program are those that it would make now."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from pixcli.cli import manual
from pixcli.cli.app import commands

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").rglob("*.md"))


def test_the_generated_pages_are_up_to_date(pixcli):
    line = [sys.executable, str(ROOT / "docs" / "generate.py"), "--check"]
    done = subprocess.run(line, env=pixcli.environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_every_command_has_its_page():
    names = {words.replace(" ", "-") or "pixcli" for words, _ in commands()}
    assert {p.stem for p in (ROOT / "docs/commands").glob("*.md")} == names | {"README"}


@pytest.mark.parametrize("page", [ROOT / "README.md", *PAGES], ids=lambda p: p.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))
    assert not [link for link in links if "://" not in link and not (page.parent / link).exists()]


def test_the_table_of_exit_codes_is_the_programs():
    text = (ROOT / "docs/batch.md").read_text(encoding="utf-8")
    for code in range(7):
        assert f"| {code} | {manual.EXIT_CODES[code]} |" in text
