import assert from "node:assert/strict";
import { test } from "node:test";
import { count, escape, number, shorten } from "../src/text.js";

const NUMBERS = [
  [null, "–"],
  [0, "0"],
  [-0.01, "-0.01"],
  [0.134, "0.134"],
  [0.13449, "0.1345"],
  [100, "100"],
  [100.5, "100.5"],
  [20000, "20000"],
  [1234567.8, "1.235e+6"],
  [0.0000001, "1e-7"],
  [0.00000012, "1.2e-7"],
];

for (const [value, text] of NUMBERS) test(`number ${value} is written ${text}`, () => assert.equal(number(value), text));

const TEXTS = [
  ["a | b", "a | b"],
  ["<img src=x onerror=alert(1)>", "&lt;img src=x onerror=alert(1)&gt;"],
  [`"&'`, "&quot;&amp;&#39;"],
  ["one\n\n# two\r\n\tthree", "one # two three"],
  ["a\u0000b\u001b[31m", "a b [31m"],
  [3, "3"],
  ["Zürich 東京", "Zürich 東京"],
];

for (const [value, text] of TEXTS) test(`escape ${JSON.stringify(value)}`, () => assert.equal(escape(value), text));

test("shorten cuts and says so", () => {
  assert.equal(shorten("abcdef", 6), "abcdef");
  assert.equal(shorten("abcdefg", 6), "abcde…");
});

test("count", () => {
  assert.equal(count(1, "check"), "1 check");
  assert.equal(count(0, "check"), "0 checks");
});
