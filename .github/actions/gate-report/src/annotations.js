import { shorten } from "./text.js";
import { bound, interval, measured, spared, where } from "./words.js";

// GitHub shows ten errors and ten warnings of a step; the summary has all of them.
const LIMIT = 10;
const LENGTH = 2000;

/** One annotation for each check that did not pass: {level, title, message}, failures first, then what is open; what
 * stops nothing is a notice. */
export function annotations(decision) {
  const all = [
    ...(decision.validation?.checks ?? []).filter(open).map(ofData),
    ...decision.checks.filter(open).map(ofCheck),
  ];
  if (all.length === 0 && decision.verdict !== "pass") all.push(ofWhole(decision));
  return ["error", "warning", "notice"].flatMap((level) => shown(all.filter((item) => item.level === level)));
}

function open({ verdict }) {
  return verdict !== "pass";
}

function level(verdict) {
  return verdict === "fail" ? "error" : "warning";
}

function ofCheck(check) {
  const percent = check.estimate.confidence === null ? "" : ` (one-sided limits at ${Number((check.estimate.confidence * 100).toPrecision(4))} %)`;
  const why = spared(check);
  return {
    level: why === null ? level(check.verdict) : "notice",
    title: shorten(`${check.metric}, ${where(check)}: ${check.verdict}`, 200),
    message: shorten(`${measured(check)} on ${where(check)}: ${interval(check.estimate)}${percent}; bound: ${bound(check)}. ${check.reason}${why === null ? "" : ` (${why})`}`.trim(), LENGTH),
  };
}

function ofData(check) {
  return {
    level: level(check.verdict),
    title: shorten(`data, ${check.name}: ${check.verdict}`, 200),
    message: shorten(check.message || `${check.name} is ${check.verdict}`, LENGTH),
  };
}

function ofWhole({ verdict, notCompared }) {
  const reasons = notCompared.map(({ id, reason }) => `${id}: ${reason}`).join("; ");
  return {
    level: level(verdict),
    title: `gate: ${verdict}`,
    message: shorten(`No check could be judged. ${reasons}`.trim(), LENGTH),
  };
}

function shown(items) {
  if (items.length <= LIMIT) return items;
  const rest = items.slice(LIMIT - 1);
  const last = { level: rest[0].level, title: `${rest.length} more checks`, message: rest.map(({ title }) => title).join("; ") };
  return [...items.slice(0, LIMIT - 1), { ...last, message: shorten(last.message, LENGTH) }];
}
