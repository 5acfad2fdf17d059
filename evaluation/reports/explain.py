"""A decision in plain words: what was decided, on which data, why, and what to do next."""

import math
from collections.abc import Mapping
from typing import Any

from evaluation.gate.words import limits, subject, unit
from evaluation.json_codec import outcome_from_json
from evaluation.reports.blocks import Banner, Block, Document, Heading, Item, Items, Paragraph
from evaluation.reports.checks import bound_line, required, worst_first
from evaluation.reports.document import champion_text, commit_text, summary
from evaluation.reports.numbers import count, percent
from evaluation.types import CheckKind, CheckResult, GateOutcome, Verdict

# Beyond this many times the rows at hand, more rows are no advice.
_OUT_OF_REACH = 50


def explain(decision: Mapping[str, Any]) -> Document:
    """What `weighbridge explain` prints, from the content of a decision.json.

    Raises UserError where its checks can't be read.
    """
    outcome = outcome_from_json(decision)
    release = decision["release"]
    says = {
        Verdict.PASS: "passed the gate and may serve.",
        Verdict.FAIL: "failed the gate. It was not registered and does not serve.",
        Verdict.INCONCLUSIVE: "could be neither passed nor failed, so it was not registered and does not serve.",
    }
    blocks: list[Block] = [
        Banner(outcome.verdict, f"{release['model']} {says[outcome.verdict]}", summary(decision)),
        Heading("What was weighed"),
        Paragraph(_weighed(decision)),
        Heading("On which data"),
        Paragraph(_data(decision)),
        Heading("Against what"),
        Paragraph(_against(decision, outcome)),
        Heading("Why"),
        *_why(decision, outcome),
        Heading("What to do next"),
        Items(_next_steps(decision, outcome)),
    ]
    return Document(f"Why release {release['id']} was decided {outcome.verdict}", tuple(blocks))


def _weighed(decision: Mapping[str, Any]) -> str:
    release, training = decision["release"], decision.get("training") or {}
    text = f"Release {release['id']} of {release['model']}, made on {release['created_at']} from "
    text += f"{'commit ' if release.get('commit') else 'files '}{commit_text(release)}."
    if not training:
        return text + " No model was trained."
    text += f" The model was trained by {training.get('entrypoint')} with seed {training.get('seed')}"
    digest = str(training.get("model_digest") or "")
    return text + (f"; its files have the digest {digest[:12]}." if digest else ".")


def _data(decision: Mapping[str, Any]) -> str:
    train, holdout = decision["data"]["train"], decision["data"]["evaluate"]
    validation = decision.get("validation") or {}
    checks = validation.get("checks", [])
    text = (
        f"It learned from {train['path']} ({train['rows']:,} rows, SHA-256 {train['sha256'][:12]}) and was judged on "
        f"{holdout['path']} ({holdout['rows']:,} rows, SHA-256 {holdout['sha256'][:12]})."
    )
    if not checks:
        return text
    failed = [check for check in checks if check["verdict"] != Verdict.PASS]
    if not failed:
        return f"{text} All {count(len(checks), 'check')} of the data passed."
    return f"{text} Of {count(len(checks), 'check')} of the data, {len(failed)} did not pass."


def _against(decision: Mapping[str, Any], outcome: GateOutcome) -> str:
    champion = decision.get("champion")
    if not champion:
        left = (
            f" {count(len(outcome.not_compared), 'check')} of the policy wait for one."
            if outcome.not_compared
            else ""
        )
        return f"No model serves yet, so only the fixed bounds of the policy were applied.{left}"
    return f"Fixed bounds of the policy, and the champion ({champion_text(champion)}) on the same rows."


def _why(decision: Mapping[str, Any], outcome: GateOutcome) -> list[Block]:
    validation = (decision.get("validation") or {}).get("checks", [])
    failed = [check for check in validation if check["verdict"] != Verdict.PASS]
    items = [Item(check["name"], check["message"], Verdict(check["verdict"])) for check in failed]
    items += [Item(check.id, check.reason, check.verdict) for check in worst_first(outcome.checks)]
    blocks: list[Block] = []
    if outcome.checks:
        confidence = outcome.checks[0].estimate.confidence
        error = percent(round(1 - confidence, 6))
        blocks.append(
            Paragraph(
                "Every check compares an interval with a bound, never a single number. Each limit of an interval "
                f"holds at {percent(confidence)}: a model that truly sits on the bound would pass by luck in at most "
                f"about {error} of such samples, and fail by bad luck in at most about {error}."
            )
        )
    blocks.append(Items(tuple(items)) if items else Paragraph("No check was made."))
    return blocks


def _next_steps(decision: Mapping[str, Any], outcome: GateOutcome) -> tuple[Item, ...]:
    if (decision.get("validation") or {}).get("verdict", Verdict.PASS) != Verdict.PASS:
        return (
            Item(
                "Correct the data",
                "Or, where the expectation is wrong, expectations.yaml; then weighbridge release.",
            ),
        )
    steps = [_advice(check) for check in worst_first(outcome.checks) if check.verdict is not Verdict.PASS]
    if steps:
        return tuple(steps)
    if outcome.verdict is Verdict.PASS:
        return (
            Item(
                "Let it serve",
                "`weighbridge release` goes on from here; weighbridge status shows what serves.",
            ),
            Item("Take it back", "`weighbridge rollback` returns to the previous champion at once."),
        )
    return (
        Item("Add a bound", "The policy asks only for comparisons with a champion, and none serves yet."),
    )


def _advice(check: CheckResult) -> Item:
    return Item(check.id, _would_settle(check), check.verdict)


def _would_settle(check: CheckResult) -> str:
    """What a person can do about a check that did not pass."""
    if check.verdict is Verdict.FAIL:
        against = "the champion" if check.kind is CheckKind.CHAMPION else f"the bound ({required(check)})"
        return (
            f"The model must get better here, or {against} is the wrong one to ask for: both are decisions, and "
            "the second is a change of weighbridge.yaml that others can review."
        )
    if check.kind is CheckKind.CHAMPION and check.detail.get("differing_rows") == 0:
        return "The champion answers just like this challenger here: nothing is wrong, and nothing is gained."
    if limits(check.estimate) is None:
        return f"Remove the cause ({check.estimate.problem or 'no interval'}), then evaluate again."
    needed = rows_needed(check)
    if needed is None:
        return "The value lies almost on the bound: no realistic number of rows will tell."
    return (
        f"About {count(needed, unit(check))} would settle it for {subject(check)}, if the value stays what it is; "
        f"there were {check.estimate.n:,}."
    )


def rows_needed(check: CheckResult) -> int | None:
    """Rows at which the interval would leave the bound, were the value to stay; None where that is out of reach.

    An interval shrinks with the square root of the rows, so the half-width that crosses the bound tells the
    factor.
    """
    found, value = limits(check.estimate), check.estimate.value
    if found is None or value is None:
        return None
    bound, _ = bound_line(check)
    distance = abs(value - bound)
    half = value - found[0] if value > bound else found[1] - value
    if distance == 0 or half <= 0:
        return None
    factor = (half / distance) ** 2
    needed = check.estimate.n * factor
    if factor > _OUT_OF_REACH or needed < 1:
        return None
    # Two digits: the estimate is rough, and must not look exact.
    step = int(10 ** max(0, math.floor(math.log10(needed)) - 1))
    return math.ceil(needed / step - 1e-6) * step
