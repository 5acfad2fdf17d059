import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { annotations } from "./annotations.js";
import { parseDecision, RecordProblem } from "./decision.js";
import { locate } from "./locate.js";
import { missing, summary } from "./summary.js";

/**
 * Reports the record that the inputs name. `core` is the toolkit's; it comes from outside so that a test can watch
 * what is told. A verdict never fails the step.
 */
export async function report(core, match) {
  try {
    const path = await locate(core.getInput("decision", { trimWhitespace: true }), match);
    await tell(core, path);
  } catch (error) {
    if (!(error instanceof RecordProblem) && error?.code === undefined) throw error;
    await tellMissing(core, error.message);
  }
}

async function tell(core, path) {
  const bytes = readFileSync(path);
  const decision = parse(bytes, path);
  for (const { level, title, message } of annotations(decision)) core[level](message, { title });
  for (const [name, value] of Object.entries(outputs(decision))) core.setOutput(name, value);
  core.setOutput("sha256", createHash("sha256").update(bytes).digest("hex"));
  core.setOutput("decision", path);
  await core.summary.addRaw(summary(decision), true).write();
  core.info(`Release ${decision.release.id} of ${decision.release.model}: ${decision.verdict}`);
}

function parse(bytes, path) {
  try {
    return parseDecision(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    const problem = error instanceof RecordProblem ? error.message : "it is not UTF-8 text";
    throw new RecordProblem(`${path} is not a decision record: ${problem}`);
  }
}

function outputs({ verdict, release, champion, checks, notCompared }) {
  const amount = (wanted) => checks.filter((check) => check.verdict === wanted).length;
  return {
    verdict,
    passed: amount("pass"),
    failed: amount("fail"),
    inconclusive: amount("inconclusive"),
    "not-compared": notCompared.length,
    release: release.id,
    model: release.model,
    commit: release.commit ?? "",
    champion: champion?.version ?? "",
  };
}

async function tellMissing(core, message) {
  core.setOutput("verdict", "missing");
  await core.summary.addRaw(missing(message), true).write();
  if (core.getBooleanInput("fail-on-missing")) core.setFailed(message);
  else core.error(message, { title: "No decision record" });
}
