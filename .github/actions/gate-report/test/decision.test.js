import assert from "node:assert/strict";
import { test } from "node:test";
import { parseDecision, RecordProblem } from "../src/decision.js";
import { check, estimate, sample } from "./sample.js";

const parse = (changes) => parseDecision(JSON.stringify(sample(changes)));

test("a record is read", () => {
  const decision = parse();
  assert.equal(decision.verdict, "fail");
  assert.equal(decision.release.id, "20261121-230512-1a2b3c4d");
  assert.deepEqual(decision.checks[2].rows, [["education", "university"]]);
  assert.deepEqual(decision.checks[1].groups, ["sex"]);
  assert.deepEqual(decision.notCompared, [{ id: "latency_p95_ms:champion", reason: "the champion's latency was not recorded" }]);
  assert.deepEqual(decision.data.map(({ name, rows }) => [name, rows]), [["train", 20000], ["evaluate", 6000]]);
});

test("what may be absent is null or empty", () => {
  const decision = parse({ champion: null, training: null, validation: null, checks: [], not_compared: [], data: {}, verdict: "inconclusive" });
  assert.equal(decision.champion, null);
  assert.equal(decision.training, null);
  assert.deepEqual(decision.checks, []);
});

const BROKEN = [
  ["{", /not JSON/],
  ["[]", /the record must be an object/],
  ["null", /the record must be an object/],
  [JSON.stringify(sample({ kind: "evaluation" })), /kind is not 'decision'/],
  [JSON.stringify(sample({ schema_version: 1 })), /schema version is 1; this action reads version 3/],
  [JSON.stringify(sample({ verdict: "passed" })), /verdict must be one of fail, inconclusive, pass, found "passed"/],
  [JSON.stringify(sample({ checks: null })), /checks must be a list, found null/],
  [JSON.stringify(sample({ release: {} })), /release.id must be text, found nothing/],
  [JSON.stringify(sample({ checks: [check({ verdict: null })] })), /checks\[0\].verdict must be one of/],
  [JSON.stringify(sample({ checks: [check({ bound: "0.1" })] })), /checks\[0\].bound must be a number, found "0.1"/],
  [JSON.stringify(sample({ checks: [check({ estimate: null })] })), /checks\[0\].estimate must be an object/],
  [JSON.stringify(sample({ checks: [check({ estimate: estimate("NaN", 0, 1) })] })), /estimate.value must be a number/],
  [JSON.stringify(sample({ not_compared: ["x"] })), /not_compared\[0\] must be a list/],
];

for (const [text, message] of BROKEN) {
  test(`refused: ${message.source}`, () => {
    assert.throws(() => parseDecision(text), (error) => error instanceof RecordProblem && message.test(error.message));
  });
}
