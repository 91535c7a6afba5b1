"""What the conformance suite finds of keys like models, in simulated time, and which case failed on which of them."""

import json
import subprocess
from collections import defaultdict

from keyfob import Keyfob


def judged(*kind):
    """How many cases pass a key of this kind, and of each that fails its id and what it says."""
    run = subprocess.run([Keyfob.program, "conform", *kind, "--json", "-"], capture_output=True, text=True)
    found = json.loads(run.stdout or "null")
    if not found or found["unfinished"] or run.returncode != bool(found["failed"]):
        raise RuntimeError(run.stderr)
    failed = [case for case in found["cases"] if case["verdict"] == "failed"]
    return found["passed"], {case["id"]: f"{case['problem']} ({case['step']})" for case in failed}


def told(passed, failed):
    """A cell of a table."""
    return f"{len(failed)} fail: {', '.join(sorted(failed)[:3])}" if failed else str(passed)


def by_case(failures):
    """Lines of which case failed on which models, the most frequent first; `failures` has for each model what failed there."""
    models = defaultdict(list)
    for model, failed in failures:
        for case, problem in failed.items():
            models[case].append((model, problem))
    for case, found in sorted(models.items(), key=lambda one: -len(one[1])):
        yield f"{len(found):4} {case}: {found[0][1]}"
        yield f"     {', '.join(model for model, _ in found[:6])}{' …' if len(found) > 6 else ''}"
