#!/bin/sh
# python-fido2 1.2.0 asks for a pyscard that it cannot be imported with: a program that looks for NFC keys ends at its start.
#
# version    fido2 1.2.0 (python-fido2) with its extra "pcsc", pyscard 2.3.1, both from PyPI; seen with Python 3.11 on Linux,
#            30 November 2026
# behaviour  fido2.pcsc imports smartcard.pcsc.PCSCContext, a module that pyscard has no more. The extra asks for pyscard
#            ">=1.9,<3", so pip installs 2.3.1 without a word. fido2 2.2.1 imports its own fido2.pcsc with the same pyscard.
# why        The 1.2 line is what Debian 13 has, and many programs pin it. Whoever installs it by its extra has keys over USB
#            and none over NFC; an older pyscard is the way out.
# output     fido2 1.2.0, pyscard 2.3.1: ModuleNotFoundError: No module named 'smartcard.pcsc.PCSCContext'
#            fido2 2.2.1, pyscard 2.3.1: imported
#
# Usage: findings/python-fido2-1-and-pyscard-2.3.sh   (needs python3, a C compiler and the headers of libpcsclite for pyscard,
#        and the network; fails if the behaviour changes)
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

cat >imports.py <<'END'
from importlib.metadata import version

try:
    import fido2.pcsc

    outcome = "imported"
except ModuleNotFoundError as error:
    outcome = f"{type(error).__name__}: {error}"
print(f"fido2 {version('fido2')}, pyscard {version('pyscard')}: {outcome}")
END

# What pip takes for the extra is up to pip; this pyscard is in its range, and is the newest that was there.
for fido2 in 1.2.0 2.2.1; do
    python3 -m venv "venv-$fido2"
    "venv-$fido2/bin/pip" install --quiet --disable-pip-version-check "fido2[pcsc]==$fido2" pyscard==2.3.1
    "venv-$fido2/bin/python" imports.py | tee -a output
done

cat >expected <<'END'
fido2 1.2.0, pyscard 2.3.1: ModuleNotFoundError: No module named 'smartcard.pcsc.PCSCContext'
fido2 2.2.1, pyscard 2.3.1: imported
END
diff expected output
