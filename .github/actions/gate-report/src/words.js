import { count, number } from "./text.js";

/** Where a check was taken: a slice, sensitive groups, or all rows. */
export function where({ rows, groups }) {
  const parts = rows.map(([column, value]) => `${column} = ${value}`);
  if (groups.length > 0) parts.push(`groups of ${groups.join(", ")}`);
  return parts.length === 0 ? "all rows" : parts.join(", ");
}

/** "0.134 [0.121, 0.147], n = 6000", or the reason why there is no such number. */
export function interval({ value, low, high, n, problem }) {
  const rows = n === null ? "" : `, n = ${number(n)}`;
  if (value === null && low === null && high === null) return `${problem ?? "no value"}${rows}`;
  const shown = `${number(value)} [${number(low)}, ${number(high)}]${rows}`;
  return problem === null ? shown : `${shown}; ${problem}`;
}

/** "at most 0.1", from the policy's own words. */
export function bound({ comparison, bound: limit }) {
  return `${comparison.replaceAll("_", " ")} ${number(limit)}`;
}

/** Why a check that did not pass stops nothing, or null for one that does. */
export function spared({ tier, waiver, verdict }) {
  if (verdict === "pass") return null;
  if (waiver !== null) return `waived by ${waiver.owner} until ${waiver.until}: ${waiver.reason}`;
  if (tier === "advisory") return "advisory";
  return tier === "supporting" && verdict === "inconclusive" ? "supporting: only proven harm stops a release" : null;
}

/** What the interval is an interval of. */
export function measured({ kind, metric }) {
  return kind === "champion" ? `${metric}, challenger minus champion` : metric;
}

/** "2 failed, 1 inconclusive, 9 passed of 12 checks". */
export function tally(checks) {
  const amount = (wanted) => checks.filter(({ verdict }) => verdict === wanted).length;
  return `${amount("fail")} failed, ${amount("inconclusive")} inconclusive, ${amount("pass")} passed of ${count(checks.length, "check")}`;
}
