"""A decision in plain words: what was decided, on which data, why, and what to do next."""

from collections.abc import Mapping
from typing import Any

from evaluation.gate.words import limits, subject, unit
from evaluation.json_codec import outcome_from_json
from evaluation.reports.allowance import stated_error
from evaluation.reports.blocks import Banner, Block, Document, Heading, Item, Items, Paragraph
from evaluation.reports.checks import reason, required, worst_first
from evaluation.reports.document import champion_text, commit_text, summary
from evaluation.reports.numbers import count
from evaluation.types import CheckKind, CheckResult, Consequence, GateOutcome, Verdict

_SAYS = {
    (Verdict.PASS, Consequence.PROMOTE): "passed the gate and may serve.",
    (Verdict.FAIL, Consequence.STOP): "failed the gate. It was not registered and does not serve.",
    (Verdict.INCONCLUSIVE, Consequence.STOP): (
        "could be neither passed nor failed, so it was not registered and does not serve."
    ),
    (Verdict.INCONCLUSIVE, Consequence.HOLD): (
        "could be neither passed nor failed. It is registered as challenger and does not serve until more rows or a "
        "waiver decide."
    ),
    (Verdict.INCONCLUSIVE, Consequence.PROMOTE): (
        "could be neither passed nor failed; the policy says `on_inconclusive: warn`, so it may serve."
    ),
}


def explain(decision: Mapping[str, Any]) -> Document:
    """What `weighbridge explain` prints, from the content of a decision.json.

    Raises UserError where its checks can't be read.
    """
    outcome = outcome_from_json(decision)
    release = decision["release"]
    blocks: list[Block] = [
        Banner(
            outcome.verdict,
            f"{release['model']} {_SAYS[outcome.verdict, outcome.consequence]}",
            summary(decision),
        ),
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
    items += [Item(check.id, reason(check), check.verdict) for check in worst_first(outcome.checks)]
    blocks: list[Block] = []
    if outcome.checks:
        stated = stated_error(outcome.allowance) if outcome.allowance else ""
        blocks.append(
            Paragraph(
                f"Every check compares an interval with a bound, never a single number. {stated}".strip()
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
    if check.needed is None:
        return "The value lies almost on the bound: no realistic number of rows will tell."
    return (
        f"About {count(check.needed, unit(check))} would settle it for {subject(check)}, if the value stays what it "
        f"is; there were {check.estimate.n:,}."
    )
