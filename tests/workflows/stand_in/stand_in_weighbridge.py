"""A `weighbridge` that does no work: it keeps the rules of the real one's steps, folders, exit codes and outputs.

What it is to find stands in the project's weighbridge.yaml as lines `step: verdict`.
"""

import json
import os
import sys
from pathlib import Path

ORDER = ["validate", "train", "evaluate", "gate", "register", "image", "deploy"]
RELEASE = "20261121-230512-1a2b3c4d"
CODES = {"pass": 0, "fail": 1, "inconclusive": 2}


def main():
    """Do one step."""
    arguments = sys.argv[1:]
    assert arguments[0] == "--project", arguments
    project, step, options = (
        Path(arguments[1]),
        arguments[2],
        dict(zip(arguments[3::2], arguments[4::2], strict=True)),
    )
    wanted = dict(line.split(": ") for line in (project / "weighbridge.yaml").read_text().splitlines())
    if step != "validate":
        assert options.pop("--release") == RELEASE
    folder = Path(os.environ["WEIGHBRIDGE_HOME"]) / "releases" / RELEASE
    journal = read_journal(folder, step)
    store = os.environ.get("MLFLOW_TRACKING_URI") or "embedded"
    sys.stdout.write(f"{step}: {json.dumps(options)}, store {store}\n")
    sys.stdout.write(f"alerts go to {os.environ.get('ALERT_URL', 'nobody')}\n")
    signing, trusted = (os.environ.get(f"WEIGHBRIDGE_{name}") for name in ("SIGNING_KEY", "TRUSTED_KEYS"))
    sys.stdout.write(f"{step} signs: {'yes' if signing else 'no'}, trusts: {trusted or 'nobody else'}\n")
    verdict, consequence = wanted.get(step, "pass"), "promote"
    if verdict == "hold":
        verdict, consequence = "inconclusive", "hold"
    elif verdict != "pass":
        consequence = "stop"
    if step == "gate":
        verdict = "fail" if wanted.get("validate") == "fail" else verdict
        (folder / "decision.json").write_text(json.dumps(decision(verdict)))
        (folder / "decision.sig.json").write_text("{}")
        (folder / "report.html").write_text("<p>report</p>")
    results = (
        {"release": RELEASE, "verdict": verdict} if step in {"validate", "gate"} else {"release": RELEASE}
    )
    if step == "gate":
        results["consequence"] = consequence
    if step == "register":
        results["version"] = "4"
    if step == "image":
        device = options["--device"]
        results["image"] = f"{options['--push']}@sha256:{'c' * 64 if device == 'cpu' else 'd' * 64}"
    if step != "image":
        journal.append(step)
        (folder / "release.json").write_text(json.dumps(journal))
    with Path(os.environ["GITHUB_OUTPUT"]).open("a") as file:
        file.writelines(f"{name}={value}\n" for name, value in results.items())
    return CODES[verdict]


def read_journal(folder, step):
    """What was done, which must be all that comes before; the gate also decides on data that did not validate."""
    if step == "validate":
        folder.mkdir(parents=True)
        return []
    journal = json.loads((folder / "release.json").read_text())
    needed = [name for name in ORDER[: ORDER.index(step)] if name != "image"]
    assert journal == needed or (step == "gate" and journal == ["validate"]), (step, journal)
    return journal


def decision(verdict):
    """A record with one check."""
    estimate = {
        "value": 0.134,
        "low": 0.121,
        "high": 0.147,
        "n": 6000,
        "confidence": 0.95,
        "method": "b",
        "problem": None,
    }
    check = {
        "id": "equalized_odds_difference",
        "metric": "equalized_odds_difference",
        "kind": "absolute",
        "comparison": "at_most",
        "bound": 0.1,
        "estimate": estimate,
        "groups": ["sex"],
        "verdict": verdict,
        "reason": "found so",
    }
    return {
        "schema_version": 3,
        "kind": "decision",
        "release": {"id": RELEASE, "model": "toy", "commit": "abc", "dirty": False},
        "checks": [check],
        "verdict": verdict,
    }
