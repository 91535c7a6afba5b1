"""Clients that are no part of the tests' Python."""


def pytest_addoption(parser):
    parser.addoption("--rust-clients", metavar="FILE", help="the program of tests/nfc/rust-clients")
