/** A decision record as `weighbridge gate` writes it, with one check of each verdict. */
export function sample(changes = {}) {
  return {
    schema_version: 3,
    kind: "decision",
    release: {
      id: "20261121-230512-1a2b3c4d",
      model: "lending",
      commit: "4f1c2d3e5a6b7c8d9e0f1a2b3c4d5e6f7a8b9c0d",
      branch: "main",
      dirty: false,
      created_at: "2026-11-21T23:05:12+00:00",
    },
    policy: { digest: "a".repeat(64), gate: { confidence: 0.95 } },
    data: {
      train: { path: "data/train.parquet", sha256: "b".repeat(64), rows: 20000, columns: 24 },
      evaluate: { path: "data/holdout.parquet", sha256: "c".repeat(64), rows: 6000, columns: 24 },
    },
    training: { entrypoint: "train:train", seed: 7, params: {}, packages: {}, run_id: "f00d", model_digest: "d".repeat(64) },
    champion: { version: "3", release_id: "20261114-090000-00112233", model_digest: "e".repeat(64) },
    validation: { verdict: "pass", checks: [{ name: "schema", verdict: "pass", message: "24 columns" }] },
    checks: [
      check({}),
      check({
        id: "equalized_odds_difference:sex",
        metric: "equalized_odds_difference",
        comparison: "at_most",
        bound: 0.1,
        estimate: estimate(0.134, 0.121, 0.147),
        challenger: 0.134,
        champion: 0.061,
        groups: ["sex"],
        verdict: "fail",
        reason: "The whole interval is above the bound.",
      }),
      check({
        id: "recall:education=university:champion",
        metric: "recall",
        kind: "champion",
        comparison: "no_worse_than_champion_by",
        bound: 0.03,
        estimate: { ...estimate(null, null, null), n: 31, problem: "31 rows, at least 50 wanted" },
        challenger: null,
        champion: null,
        rows: { education: "university" },
        verdict: "inconclusive",
        reason: "Too few rows.",
      }),
    ],
    not_compared: [["latency_p95_ms:champion", "the champion's latency was not recorded"]],
    verdict: "fail",
    software: { weighbridge: "0.1.0" },
    ...changes,
  };
}

export function check(changes) {
  return {
    id: "roc_auc",
    metric: "roc_auc",
    kind: "absolute",
    direction: "higher",
    comparison: "at_least",
    bound: 0.72,
    estimate: estimate(0.78, 0.7712, 0.7889),
    challenger: 0.78,
    champion: 0.777,
    rows: {},
    groups: [],
    detail: {},
    verdict: "pass",
    reason: "The lower limit is above the bound.",
    ...changes,
  };
}

export function estimate(value, low, high) {
  return { value, low, high, n: 6000, confidence: 0.95, method: "paired bootstrap", problem: null };
}
