import assert from "node:assert/strict";
import { test } from "node:test";
import { annotations } from "../src/annotations.js";
import { parseDecision } from "../src/decision.js";
import { check, sample } from "./sample.js";

const annotate = (changes) => annotations(parseDecision(JSON.stringify(sample(changes))));

test("a failed check is an error that names check, groups, interval and bound", () => {
  const [first] = annotate();
  assert.deepEqual(first, {
    level: "error",
    title: "equalized_odds_difference, groups of sex: fail",
    message:
      "equalized_odds_difference on groups of sex: 0.134 [0.121, 0.147], n = 6000 (one-sided limits at 95 %); " +
      "bound: at most 0.1. The whole interval is above the bound.",
  });
});

test("an inconclusive check is a warning that names its slice and why there is no number", () => {
  const warnings = annotate().filter(({ level }) => level === "warning");
  assert.deepEqual(warnings, [
    {
      level: "warning",
      title: "recall, education = university: inconclusive",
      message:
        "recall, challenger minus champion on education = university: 31 rows, at least 50 wanted, n = 31 " +
        "(one-sided limits at 95 %); bound: no worse than champion by 0.03. Too few rows.",
    },
  ]);
});

test("nothing is told of checks that passed", () => {
  assert.deepEqual(annotate({ checks: [check({})], verdict: "pass" }), []);
});

test("data that did not validate is told", () => {
  const validation = { verdict: "fail", checks: [{ name: "overlap", verdict: "fail", message: "312 rows are in both" }] };
  assert.deepEqual(annotate({ validation, checks: [], training: null }), [
    { level: "error", title: "data, overlap: fail", message: "312 rows are in both" },
  ]);
});

test("a verdict without any judged check is told with what was not compared", () => {
  const [only, ...rest] = annotate({ checks: [], not_compared: [["recall", "there is no champion"]], verdict: "inconclusive" });
  assert.equal(only.message, "No check could be judged. recall: there is no champion");
  assert.equal(only.level, "warning");
  assert.equal(rest.length, 0);
});

test("GitHub's limit of ten a level is kept, and the rest is named", () => {
  const checks = Array.from({ length: 23 }, (_, index) => check({ metric: `m${index}`, verdict: "fail" }));
  const found = annotate({ checks });
  assert.equal(found.length, 10);
  assert.equal(found[9].title, "14 more checks");
  assert.match(found[9].message, /^m9, all rows: fail; .*m22, all rows: fail$/);
});

test("a long reason is cut", () => {
  const [only] = annotate({ checks: [check({ verdict: "fail", reason: "x".repeat(5000) })] });
  assert.equal(only.message.length, 2000);
});

const waiver = { check: "recall*", owner: "ana", reason: "labels come late", until: "2026-12-31" };

for (const [name, changes, why] of [
  ["a waived failure", { verdict: "fail", waiver }, "waived by ana until 2026-12-31: labels come late"],
  ["an advisory failure", { verdict: "fail", tier: "advisory" }, "advisory"],
  ["an open supporting check", { verdict: "inconclusive", tier: "supporting" }, "supporting: only proven harm stops a release"],
]) {
  test(`${name} is a notice that says why it stops nothing`, () => {
    const [only] = annotate({ checks: [check(changes)], verdict: "pass" });
    assert.equal(only.level, "notice");
    assert.ok(only.message.endsWith(`(${why})`), only.message);
  });
}

test("a failed supporting check is an error", () => {
  const [only] = annotate({ checks: [check({ verdict: "fail", tier: "supporting" })] });
  assert.equal(only.level, "error");
});
