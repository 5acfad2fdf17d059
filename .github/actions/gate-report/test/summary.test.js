import assert from "node:assert/strict";
import { test } from "node:test";
import { parseDecision } from "../src/decision.js";
import { missing, summary } from "../src/summary.js";
import { check, estimate, sample } from "./sample.js";

const page = (changes) => summary(parseDecision(JSON.stringify(sample(changes))));

test("the heading has the verdict, the line below it what was weighed", () => {
  const [heading, line] = page().split("\n\n");
  assert.equal(heading, "<h2>❌ Gate: fail — lending</h2>");
  assert.equal(
    line,
    "<p>Release <code>20261121-230512-1a2b3c4d</code> of commit <code>4f1c2d3e5a6b</code>; against champion version 3. " +
      "1 failed, 1 inconclusive, 1 passed of 3 checks.</p>",
  );
});

const ROWS = [
  "<tr><td>❌ fail</td><td><code>equalized_odds_difference</code></td><td>groups of sex</td><td>0.134</td><td>0.061</td>" +
    '<td><span title="equalized_odds_difference">0.134 [0.121, 0.147], n = 6000</span></td><td>at most 0.1</td>' +
    "<td>The whole interval is above the bound.</td></tr>",
  "<tr><td>⚠️ inconclusive</td><td><code>recall</code></td><td>education = university</td><td>–</td><td>–</td>" +
    '<td><span title="recall, challenger minus champion">31 rows, at least 50 wanted, n = 31</span></td>' +
    "<td>no worse than champion by 0.03</td><td>Too few rows.</td></tr>",
  "<tr><td>✅ pass</td><td><code>roc_auc</code></td><td>all rows</td><td>0.78</td><td>0.777</td>" +
    '<td><span title="roc_auc">0.78 [0.7712, 0.7889], n = 6000</span></td><td>at least 0.72</td>' +
    "<td>The lower limit is above the bound.</td></tr>",
];

test("one row a check, the worst first", () => {
  const found = page().split("\n").filter((line) => line.startsWith("<tr><td>") && / (pass|fail|inconclusive)</.test(line));
  assert.deepEqual(found, ROWS);
});

test("a guard's objection is shown beside the numbers", () => {
  const measured = { ...estimate(0.5, 0.4, 0.6), problem: "3 of 2000 resamples had one class" };
  assert.match(page({ checks: [check({ estimate: measured })] }), /0\.5 \[0\.4, 0\.6\], n = 6000; 3 of 2000 resamples/);
});

test("what was not compared, fingerprints and commands are there", () => {
  const text = page();
  assert.match(text, /<h3>Not compared<\/h3>\n\n<p>These never count as passed\.<\/p>/);
  assert.match(text, /<code>latency_p95_ms:champion<\/code><\/td><td>the champion&#39;s latency was not recorded/);
  assert.match(text, new RegExp(`<code>data/train.parquet</code></td><td>20000</td><td><code>${"b".repeat(64)}`));
  assert.match(text, new RegExp(`<td>model</td><td></td><td></td><td><code>${"d".repeat(64)}`));
  assert.match(text, /<pre>git checkout 4f1c2d3e5a6b7c8d9e0f1a2b3c4d5e6f7a8b9c0d\nweighbridge release\n/);
  assert.match(text, /The seed is 7\./);
});

test("a dirty tree, a missing champion and data that did not validate are said", () => {
  const text = page({
    release: { id: "20261121-230512-1a2b3c4d", model: "lending", commit: null, dirty: true },
    champion: null,
    training: null,
    checks: [],
    validation: { verdict: "fail", checks: [{ name: "overlap", verdict: "fail", message: "312 rows are in both" }] },
  });
  assert.match(text, /with changes that were not committed/);
  assert.match(text, /no champion to compare with/);
  assert.match(text, /<h3>Data that did not validate<\/h3>[^]*312 rows are in both/);
  assert.match(text, /<p>No check was judged\.<\/p>/);
});

test("names from data cannot leave their cell", () => {
  const nasty = 'x</td></table>\n\n# Gate: pass\n\n<script>alert(1)</script>|`"';
  const text = page({
    release: { id: nasty, model: nasty, commit: nasty, dirty: false },
    champion: { version: nasty },
    data: { [nasty]: { path: nasty, sha256: nasty, rows: 1 } },
    checks: [check({ metric: nasty, comparison: nasty, rows: { [nasty]: nasty }, groups: [nasty], reason: nasty, verdict: "fail" })],
    validation: { verdict: "fail", checks: [{ name: nasty, verdict: "fail", message: nasty }] },
    not_compared: [[nasty, nasty]],
  });
  assert.doesNotMatch(text, /<script|^#|\|`"/m);
  assert.equal(text.match(/<table>/g).length, text.match(/<\/table>/g).length);
  assert.equal(text.match(/<\/table>/g).length, 4);
});

test("a policy of thousands of slices stays below GitHub's limit of 1 MiB, the worst are shown", () => {
  const checks = Array.from({ length: 4000 }, (_, index) => check({ rows: { place: `value ${index}` }, verdict: index === 3999 ? "fail" : "pass" }));
  const text = page({ checks });
  assert.ok(Buffer.byteLength(text) < 1024 * 1024);
  assert.match(text, /❌ fail<\/td><td><code>roc_auc<\/code><\/td><td>place = value 3999/);
  assert.match(text, /3500 more checks in the record/);
});

test("a missing record is said, escaped", () => {
  assert.equal(missing("no <record>"), "<h2>⚠️ Gate: no decision record</h2>\n\n<p>no &lt;record&gt;</p>");
});

for (const [consequence, said] of [
  ["stop", "0 failed, 1 inconclusive, 0 passed of 1 check.</p>"],
  ["hold", "<b>Held</b>: it is registered as challenger and does not serve.</p>"],
  ["promote", "<b>It may serve</b>: the policy lets open checks go by.</p>"],
]) {
  test(`an open release says what becomes of it: ${consequence}`, () => {
    const found = page({ verdict: "inconclusive", consequence, checks: [check({ verdict: "inconclusive" })] });
    assert.ok(found.split("\n\n")[1].endsWith(said));
  });
}

test("a check that stops nothing says why", () => {
  assert.match(page({ checks: [check({ verdict: "fail", tier: "advisory", reason: "Found." })] }), /<td>Found\. – advisory<\/td>/);
});
