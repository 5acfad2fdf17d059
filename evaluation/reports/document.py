"""The reports on a decision and on the validation of data, from their JSON records."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from evaluation.json_codec import outcome_from_json
from evaluation.reports.advice import advice_blocks
from evaluation.reports.allowance import stated_error
from evaluation.reports.blocks import (
    Badge,
    Banner,
    Block,
    Cell,
    Code,
    Document,
    Facts,
    Folded,
    Heading,
    Item,
    Items,
    Paragraph,
    Table,
    Tile,
    Tiles,
)
from evaluation.reports.checks import checks_table, groups_table, open_items
from evaluation.reports.evidence import evidence_table
from evaluation.reports.judges import judges_blocks
from evaluation.reports.numbers import count, percent
from evaluation.types import Consequence, GateOutcome, Verdict

_TITLES = {
    (Verdict.PASS, Consequence.PROMOTE): "{model} may serve",
    (Verdict.FAIL, Consequence.STOP): "{model} was stopped",
    (Verdict.INCONCLUSIVE, Consequence.STOP): "{model}: not enough evidence",
    (Verdict.INCONCLUSIVE, Consequence.HOLD): "{model}: not enough evidence, held",
    (Verdict.INCONCLUSIVE, Consequence.PROMOTE): "{model} may serve, on a policy that lets open checks go by",
}


def decision_document(decision: Mapping[str, Any]) -> Document:
    """The report of a release: verdict, every check with its interval, and all that the decision rests on.

    decision: the content of a decision.json. Raises UserError where its checks can't be read.
    """
    outcome = outcome_from_json(decision)
    release = decision["release"]
    blocks: list[Block] = [
        _banner(decision, outcome),
        _tiles(decision, outcome),
    ]
    if items := open_items(outcome.checks).items:
        blocks += [Heading("What did not pass"), Items(items)]
    if outcome.notes:
        blocks += [Paragraph(note) for note in outcome.notes]
    if outcome.checks:
        blocks += [Heading("Checks"), checks_table(outcome.checks), Paragraph(_how_to_read(outcome))]
    if evidence := evidence_table(outcome.checks):
        blocks += [Heading("Evidence"), evidence]
    if groups := groups_table(outcome.checks):
        blocks += [Heading("Groups"), groups]
    if outcome.not_compared:
        rows = tuple((name, why) for name, why in outcome.not_compared)
        blocks += [Heading("Not compared"), Table(("Check", "Why"), rows)]
    blocks += judges_blocks(decision["judges"])
    blocks += [*advice_blocks(decision["advice"]), *_validation(decision), *_evidence(decision)]
    return Document(f"{release['model']}: release {release['id']}", tuple(blocks))


def decision_brief(decision: Mapping[str, Any]) -> Document:
    """The same on one screen: verdict, checks, and what did not pass; the report has the rest."""
    outcome = outcome_from_json(decision)
    blocks: list[Block] = [_banner(decision, outcome)]
    if outcome.checks:
        blocks.append(checks_table(outcome.checks))
    if items := open_items(outcome.checks).items:
        blocks += [Heading("What did not pass"), Items(items)]
    if not outcome.checks:
        blocks += _validation(decision)
    return Document("", tuple(blocks))


def validation_document(validation: Mapping[str, Any], notes: Sequence[str] = ()) -> Document:
    """The page on the data of a release, from `{"verdict", "checks": [{"name", "verdict", "message", "detail"}]}`.

    notes: what is known already of the evaluation to come, and decides nothing here.
    """
    verdict = Verdict(validation["verdict"])
    checks = validation["checks"]
    titles = {
        Verdict.PASS: "The data are fit to train and judge on",
        Verdict.FAIL: "The data did not validate",
        Verdict.INCONCLUSIVE: "The data could not be judged",
    }
    blocks: list[Block] = [Banner(verdict, titles[verdict], _tally([check["verdict"] for check in checks]))]
    not_passed = tuple(
        Item(check["name"], check["message"], Verdict(check["verdict"]))
        for check in checks
        if check["verdict"] != Verdict.PASS
    )
    if not_passed:
        blocks += [Heading("What did not pass"), Items(not_passed)]
    if notes:
        blocks += [Heading("What evaluation will lack"), *map(Paragraph, notes)]
    blocks += [Heading("Checks"), _validation_table(checks)]
    for check in checks:
        if detail := check.get("detail"):
            blocks.append(Folded(f"Detail of {check['name']}", _facts(detail)))
    return Document("Validation of the data", tuple(blocks))


def summary(decision: Mapping[str, Any]) -> str:
    """One sentence on how the verdict came about."""
    validation = decision.get("validation") or {}
    if not decision["checks"] and validation.get("verdict", Verdict.PASS) != Verdict.PASS:
        failed = [check["name"] for check in validation["checks"] if check["verdict"] != Verdict.PASS]
        return f"The data did not validate ({', '.join(failed)}), so no model was judged."
    text = _tally([check["verdict"] for check in decision["checks"]])
    if waived := sum(check["waiver"] is not None for check in decision["checks"]):
        text += f" {count(waived, 'check')} {'is' if waived == 1 else 'are'} waived."
    if left := len(decision["not_compared"]):
        text += f" {count(left, 'check')} had no champion to compare with."
    return text


def _banner(decision: Mapping[str, Any], outcome: GateOutcome) -> Banner:
    title = _TITLES[outcome.verdict, outcome.consequence].format(model=decision["release"]["model"])
    return Banner(outcome.verdict, title, summary(decision))


def _tally(verdicts: list[str]) -> str:
    if not verdicts:
        return "No check was made."
    found = Counter(verdicts)
    if found[Verdict.PASS] == len(verdicts):
        return (
            f"All {count(len(verdicts), 'check')} passed." if len(verdicts) > 1 else "The one check passed."
        )
    words = {Verdict.FAIL: "failed", Verdict.INCONCLUSIVE: "inconclusive", Verdict.PASS: "passed"}
    return (
        f"Of {count(len(verdicts), 'check')}: "
        + ", ".join(f"{found[verdict]} {word}" for verdict, word in words.items() if found[verdict])
        + "."
    )


def _tiles(decision: Mapping[str, Any], outcome: GateOutcome) -> Tiles:
    found = Counter(check.verdict for check in outcome.checks)
    champion = decision.get("champion")
    return Tiles(
        (
            Tile("passed", str(found[Verdict.PASS]), Verdict.PASS if found[Verdict.PASS] else None),
            Tile("failed", str(found[Verdict.FAIL]), Verdict.FAIL if found[Verdict.FAIL] else None),
            Tile(
                "inconclusive",
                str(found[Verdict.INCONCLUSIVE]),
                Verdict.INCONCLUSIVE if found[Verdict.INCONCLUSIVE] else None,
            ),
            Tile("rows weighed", f"{decision['data']['evaluate']['rows']:,}"),
            Tile("champion", f"version {champion['version']}" if champion else "none yet"),
        )
    )


def _how_to_read(outcome: GateOutcome) -> str:
    confidence = percent(float(f"{outcome.checks[0].estimate.confidence:.6g}"))
    stated = stated_error(outcome.allowance) if outcome.allowance else ""
    return (
        f"A check passes when its whole interval keeps the bound and fails when the whole interval breaks it; in "
        f"between it is inconclusive, which is never a pass. Each limit holds at {confidence}. Checks named "
        f"vs_champion show the difference challenger minus champion on the same rows. {stated}"
    )


def _validation(decision: Mapping[str, Any]) -> list[Block]:
    checks = (decision.get("validation") or {}).get("checks", [])
    return [Heading("Validation of the data"), _validation_table(checks)] if checks else []


def _validation_table(checks: list[Mapping[str, Any]]) -> Table:
    rows = tuple((Badge(Verdict(check["verdict"])), check["name"], check["message"]) for check in checks)
    return Table(("Verdict", "Check", "Found"), rows)


def _evidence(decision: Mapping[str, Any]) -> list[Block]:
    """Who, what and when: the chain from commit and data to the model."""
    release, training, champion = (
        decision["release"],
        decision.get("training") or {},
        decision.get("champion"),
    )
    facts: list[tuple[str, Cell]] = [
        ("Release", Code(release["id"])),
        ("Created", str(release["created_at"])),
        ("Commit", Code(commit_text(release))),
        ("Model digest", Code(str(training.get("model_digest") or "no model"))),
        ("Trained by", Code(str(training.get("entrypoint") or "not trained"))),
        ("Seed", str(training.get("seed", "none"))),
        ("MLflow run", Code(str(training.get("run_id") or "none"))),
        ("Champion", champion_text(champion)),
    ]
    for name, label in (("train", "Training data"), ("evaluate", "Evaluation data")):
        data = decision["data"][name]
        facts.append((label, f"{data['path']}, {data['rows']:,} rows, {data['columns']} columns"))
        facts.append((f"{label}, SHA-256", Code(str(data["sha256"]))))
    facts.append(("Policy digest", Code(str(decision["policy"]["digest"]))))
    blocks: list[Block] = [Heading("What this rests on"), Facts(tuple(facts))]
    folded = (
        ("Parameters", training.get("params")),
        ("Packages", training.get("packages")),
        ("Gate as in the policy", decision["policy"].get("gate")),
        ("Software", decision.get("software")),
    )
    return blocks + [Folded(title, _facts(content)) for title, content in folded if content]


def commit_text(release: Mapping[str, Any]) -> str:
    """Commit and branch, and whether files were changed beyond it."""
    commit = release.get("commit")
    if not commit:
        return "not under version control"
    branch = f" on {release['branch']}" if release.get("branch") else ""
    return f"{commit}{branch}{', with uncommitted changes' if release.get('dirty') else ''}"


def champion_text(champion: Mapping[str, Any] | None) -> str:
    """Who the challenger was compared with."""
    if not champion:
        return "none yet"
    problem = f", could not be asked: {champion['problem']}" if champion.get("problem") else ""
    return f"version {champion['version']}, release {champion.get('release_id') or 'unknown'}{problem}"


def _facts(content: Mapping[str, Any]) -> Facts:
    return Facts(tuple((str(name), _shown(value)) for name, value in content.items()))


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(
            f"{name}: {_shown(item)}" for name, item in value.items() if item not in (None, [], {})
        )
    if isinstance(value, list | tuple):
        return "; ".join(_shown(item) for item in value)
    return str(value)
