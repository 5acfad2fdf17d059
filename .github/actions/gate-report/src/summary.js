import { VERDICTS } from "./decision.js";
import { count, escape, number } from "./text.js";
import { bound, interval, measured, spared, tally, where } from "./words.js";

const MARKS = { pass: "✅", fail: "❌", inconclusive: "⚠️" };
// A summary may be 1 MiB; a row is below 1 kB with any name that a person would choose.
const MAX_ROWS = 500;

/** The job summary as HTML blocks, which GitHub's markdown takes as they are. */
export function summary(decision) {
  return [
    head(decision),
    validation(decision),
    checks(decision),
    notCompared(decision),
    data(decision),
    reproduce(decision),
  ]
    .filter((block) => block !== "")
    .join("\n\n");
}

/** The job summary when there is no record to show. */
export function missing(message) {
  return `<h2>⚠️ Gate: no decision record</h2>\n\n<p>${escape(message)}</p>`;
}

const CONSEQUENCES = {
  hold: " <b>Held</b>: it is registered as challenger and does not serve.",
  promote: " <b>It may serve</b>: the policy lets open checks go by.",
};

function head({ verdict, consequence, release, champion, checks: all }) {
  const against = champion === null ? "no champion to compare with" : `against champion version ${champion.version}`;
  const commit = release.commit === null ? "" : ` of commit <code>${escape(release.commit.slice(0, 12))}</code>`;
  const dirty = release.dirty ? ", <b>with changes that were not committed</b>" : "";
  const allowed = verdict === "inconclusive" ? (CONSEQUENCES[consequence] ?? "") : "";
  return [
    `<h2>${MARKS[verdict]} Gate: ${escape(verdict)} — ${escape(release.model)}</h2>`,
    `<p>Release <code>${escape(release.id)}</code>${commit}${dirty}; ${escape(against)}. ${escape(tally(all))}.${allowed}</p>`,
  ].join("\n\n");
}

function validation({ validation: found }) {
  const open = (found?.checks ?? []).filter(({ verdict }) => verdict !== "pass");
  if (open.length === 0) return "";
  const rows = worstFirst(open).map(({ verdict, name, message }) => [mark(verdict), escape(name), escape(message)]);
  return `<h3>Data that did not validate</h3>\n\n${table(["", "Check", "What was found"], rows)}`;
}

function checks({ checks: all }) {
  if (all.length === 0) return "<p>No check was judged.</p>";
  const headings = ["", "Check", "Where", "Challenger", "Champion", "Compared: value [low, high]", "Bound", "Why"];
  const rows = worstFirst(all)
    .slice(0, MAX_ROWS)
    .map((check) => [
      mark(check.verdict),
      `<code>${escape(check.metric)}</code>`,
      escape(where(check)),
      number(check.challenger),
      number(check.champion),
      `<span title="${escape(measured(check))}">${escape(interval(check.estimate))}</span>`,
      escape(bound(check)),
      escape([check.reason, spared(check)].filter((part) => part !== null).join(" – ")),
    ]);
  const rest = all.length - rows.length;
  const more = rest > 0 ? `\n\n<p>${count(rest, "more check")} in the record; those shown are the worst.</p>` : "";
  return table(headings, rows) + more;
}

function notCompared({ notCompared: found }) {
  if (found.length === 0) return "";
  const rows = found.map(({ id, reason }) => [`<code>${escape(id)}</code>`, escape(reason)]);
  return `<h3>Not compared</h3>\n\n<p>These never count as passed.</p>\n\n${table(["Check", "Why"], rows)}`;
}

function data({ data: tables, policy, training }) {
  const rows = tables.map(({ name, path, sha256, rows: amount }) => [
    escape(name),
    `<code>${escape(path ?? "–")}</code>`,
    number(amount),
    `<code>${escape(sha256 ?? "–")}</code>`,
  ]);
  const digest = (name, value) => rows.push([name, "", "", `<code>${escape(value)}</code>`]);
  if (policy !== null) digest("policy", policy);
  if (training?.modelDigest) digest("model", training.modelDigest);
  return rows.length === 0 ? "" : details("Fingerprints", table(["What", "File", "Rows", "SHA-256"], rows));
}

function reproduce({ release, training }) {
  const seed = training === null || training.seed === null ? "" : ` The seed is ${number(training.seed)}.`;
  const lines = [
    ...(release.commit === null ? [] : [`git checkout ${release.commit}`]),
    "weighbridge release",
    `weighbridge explain ${release.id}`,
  ];
  const dirty = release.dirty ? " The commit alone is not enough: the working tree had other changes." : "";
  const text = `With the same data and the same packages these commands come to the same numbers.${seed}${dirty}`;
  return details("How to reproduce", `<p>${escape(text)}</p>\n\n<pre>${lines.map(escape).join("\n")}</pre>`);
}

function worstFirst(items) {
  return [...items].sort((a, b) => VERDICTS.indexOf(a.verdict) - VERDICTS.indexOf(b.verdict));
}

function mark(verdict) {
  return `${MARKS[verdict]} ${verdict}`;
}

function table(headings, rows) {
  const line = (cells, tag) => `<tr>${cells.map((cell) => `<${tag}>${cell}</${tag}>`).join("")}</tr>`;
  return ["<table>", line(headings, "th"), ...rows.map((cells) => line(cells, "td")), "</table>"].join("\n");
}

function details(title, content) {
  return `<details><summary>${title}</summary>\n\n${content}\n\n</details>`;
}
