import { statSync } from "node:fs";
import { join } from "node:path";
import { RecordProblem } from "./decision.js";

const FILE_NAME = "decision.json";

/**
 * The one record that a path, a folder or a glob names. `match(pattern)` resolves to the paths that a glob matches.
 * Throws RecordProblem when there is none, or more than one.
 */
export async function locate(wanted, match) {
  if (wanted.trim() === "") throw new RecordProblem("the input 'decision' is empty; it takes the path of a decision.json");
  const places = /[*?[\]]/.test(wanted) ? await match(wanted) : [wanted];
  const found = [...new Set(places.map(recordAt).filter((place) => place !== null))];
  if (found.length > 1) {
    throw new RecordProblem(`${found.length} records match '${wanted}': ${found.slice(0, 3).join(", ")}; name one of them`);
  }
  if (found.length === 0) throw new RecordProblem(`no decision record at '${wanted}'; \`weighbridge gate\` writes it`);
  return found[0];
}

function recordAt(place) {
  const found = statSync(place, { throwIfNoEntry: false });
  if (found === undefined) return null;
  if (found.isDirectory()) return recordAt(join(place, FILE_NAME));
  return found.isFile() ? place : null;
}
