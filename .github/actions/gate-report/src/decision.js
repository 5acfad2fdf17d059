/** What is wrong with the record or with where it was looked for; its message is for a person. */
export class RecordProblem extends Error {}

export const VERDICTS = ["fail", "inconclusive", "pass"];

/**
 * Reads a decision record of schema version 3 into what the report needs. What the schema allows to be absent is null
 * or empty. Throws RecordProblem that names the first field that is not as it must be.
 */
export function parseDecision(text) {
  let content;
  try {
    content = JSON.parse(text);
  } catch (error) {
    throw new RecordProblem(`it is not JSON: ${error.message}`);
  }
  record(content, "the record");
  if (content.kind !== "decision") throw new RecordProblem("its kind is not 'decision'");
  if (content.schema_version !== 3) {
    throw new RecordProblem(`its schema version is ${JSON.stringify(content.schema_version)}; this action reads version 3`);
  }
  return {
    verdict: verdict(content.verdict, "verdict"),
    consequence: textOrNull(content.consequence, "consequence"),
    release: release(content.release),
    policy: textOrNull(record(content.policy ?? {}, "policy").digest, "policy.digest"),
    data: data(content.data ?? {}),
    training: training(content.training ?? null),
    champion: champion(content.champion ?? null),
    validation: validation(content.validation ?? null),
    checks: list(content.checks, "checks").map(check),
    notCompared: list(content.not_compared ?? [], "not_compared").map(notCompared),
  };
}

function release(found) {
  record(found, "release");
  return {
    id: string(found.id, "release.id"),
    model: string(found.model, "release.model"),
    commit: textOrNull(found.commit, "release.commit"),
    branch: textOrNull(found.branch, "release.branch"),
    dirty: found.dirty === true,
    createdAt: textOrNull(found.created_at, "release.created_at"),
  };
}

function data(found) {
  record(found, "data");
  return Object.entries(found)
    .filter(([, table]) => table !== null)
    .map(([name, table]) => {
      record(table, `data.${name}`);
      return {
        name,
        path: textOrNull(table.path, `data.${name}.path`),
        sha256: textOrNull(table.sha256, `data.${name}.sha256`),
        rows: numberOrNull(table.rows, `data.${name}.rows`),
      };
    });
}

function training(found) {
  if (found === null) return null;
  record(found, "training");
  return {
    entrypoint: textOrNull(found.entrypoint, "training.entrypoint"),
    seed: numberOrNull(found.seed, "training.seed"),
    runId: textOrNull(found.run_id, "training.run_id"),
    modelDigest: textOrNull(found.model_digest, "training.model_digest"),
  };
}

function champion(found) {
  if (found === null) return null;
  record(found, "champion");
  return {
    version: string(found.version, "champion.version"),
    releaseId: textOrNull(found.release_id, "champion.release_id"),
  };
}

function validation(found) {
  if (found === null) return null;
  record(found, "validation");
  return {
    verdict: verdict(found.verdict, "validation.verdict"),
    checks: list(found.checks ?? [], "validation.checks").map((item, index) => {
      const place = `validation.checks[${index}]`;
      record(item, place);
      return {
        name: string(item.name, `${place}.name`),
        verdict: verdict(item.verdict, `${place}.verdict`),
        message: textOrNull(item.message, `${place}.message`) ?? "",
      };
    }),
  };
}

function check(found, index) {
  const place = `checks[${index}]`;
  record(found, place);
  const estimate = record(found.estimate, `${place}.estimate`);
  return {
    id: string(found.id, `${place}.id`),
    metric: string(found.metric, `${place}.metric`),
    kind: string(found.kind, `${place}.kind`),
    comparison: string(found.comparison, `${place}.comparison`),
    bound: numberOrNull(found.bound, `${place}.bound`),
    estimate: {
      value: numberOrNull(estimate.value, `${place}.estimate.value`),
      low: numberOrNull(estimate.low, `${place}.estimate.low`),
      high: numberOrNull(estimate.high, `${place}.estimate.high`),
      n: numberOrNull(estimate.n, `${place}.estimate.n`),
      confidence: numberOrNull(estimate.confidence, `${place}.estimate.confidence`),
      method: textOrNull(estimate.method, `${place}.estimate.method`),
      problem: textOrNull(estimate.problem, `${place}.estimate.problem`),
    },
    challenger: numberOrNull(found.challenger, `${place}.challenger`),
    champion: numberOrNull(found.champion, `${place}.champion`),
    rows: Object.entries(record(found.rows ?? {}, `${place}.rows`)).map(([column, value]) => [column, String(value)]),
    groups: list(found.groups ?? [], `${place}.groups`).map(String),
    tier: textOrNull(found.tier, `${place}.tier`) ?? "critical",
    waiver: waiver(found.waiver ?? null, `${place}.waiver`),
    verdict: verdict(found.verdict, `${place}.verdict`),
    reason: textOrNull(found.reason, `${place}.reason`) ?? "",
  };
}

function waiver(found, place) {
  if (found === null) return null;
  record(found, place);
  return {
    owner: string(found.owner, `${place}.owner`),
    reason: string(found.reason, `${place}.reason`),
    until: string(found.until, `${place}.until`),
  };
}

function notCompared(found, index) {
  const pair = list(found, `not_compared[${index}]`);
  return { id: string(pair[0], `not_compared[${index}][0]`), reason: string(pair[1], `not_compared[${index}][1]`) };
}

function record(found, place) {
  if (typeof found !== "object" || found === null || Array.isArray(found)) throw wrong(place, "an object", found);
  return found;
}

function list(found, place) {
  if (!Array.isArray(found)) throw wrong(place, "a list", found);
  return found;
}

function string(found, place) {
  if (typeof found !== "string" || found === "") throw wrong(place, "text", found);
  return found;
}

function verdict(found, place) {
  if (!VERDICTS.includes(found)) throw wrong(place, `one of ${VERDICTS.join(", ")}`, found);
  return found;
}

function textOrNull(found, place) {
  if (found === undefined || found === null) return null;
  if (typeof found !== "string") throw wrong(place, "text", found);
  return found;
}

function numberOrNull(found, place) {
  if (found === undefined || found === null) return null;
  if (typeof found !== "number") throw wrong(place, "a number", found);
  return found;
}

function wrong(place, expected, found) {
  const shown = found === undefined ? "nothing" : JSON.stringify(found).slice(0, 60);
  return new RecordProblem(`${place} must be ${expected}, found ${shown}`);
}
