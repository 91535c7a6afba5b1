"""Where pictures of the screen go."""

from pathlib import Path


def pytest_addoption(parser):
    parser.addoption("--pictures", required=True, type=Path, metavar="FOLDER", help="where pictures of the screen go")
    parser.addoption("--picture", type=Path, metavar="FILE", help="the picture of docs/desktop.md, to be made anew")
