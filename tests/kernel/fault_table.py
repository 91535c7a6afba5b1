"""What docs/faults.md tells of programs and a key that does wrong on purpose: tests see whether it is so."""

import re
from pathlib import Path

_DOCUMENT = Path(__file__).parents[2] / "docs" / "faults.md"
_RECIPES = "## What real keys were seen to do"
_OUTCOMES = "## How programs react"


def told(program):
    """What becomes of a registration with this program, by what `keyfob fault add` is told."""
    head, *rows = _table(_OUTCOMES)
    column = head.index(program)
    recipes = {row[0] for row in _table(_RECIPES)[1:]}
    return {_words(row[0], recipes): _code(row[column]) for row in rows}


def of_recipes(program):
    return {fault: outcome for fault, outcome in told(program).items() if "--command" not in fault}


def _words(fault, recipes):
    return _code(fault) if fault in recipes else f"{_code(fault)} --command makeCredential"


def _table(heading):
    """The rows of the table below a heading, as lists of their cells."""
    text = _DOCUMENT.read_text(encoding="utf-8").partition(heading)[2].partition("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def _code(cell):
    """What stands in the first code span."""
    return re.search("`(.+?)`", cell)[1] if "`" in cell else ""
