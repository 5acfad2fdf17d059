const ENTITIES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/**
 * Text for an HTML block of a markdown page. White space is folded, because a blank line would end the block and
 * what follows would be read as markdown.
 */
export function escape(value) {
  return String(value)
    .replace(/[\s\u0000-\u001f\u007f]+/g, " ")
    .trim()
    .replace(/[&<>"']/g, (character) => ENTITIES[character]);
}

/** A number with four significant digits and no trailing zeros; a dash for one that could not be had. */
export function number(value) {
  if (value === null) return "–";
  const digits = Math.abs(value) >= 1000 && Number.isInteger(value) ? String(value) : value.toPrecision(4);
  return digits.includes("e") ? digits.replace(/\.?0+e/, "e") : digits.replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "");
}

/** Cuts text that would not fit; a reader is told that it was cut. */
export function shorten(value, limit) {
  return value.length <= limit ? value : `${value.slice(0, limit - 1)}…`;
}

/** "1 check", "2 checks". */
export function count(amount, noun) {
  return `${amount} ${noun}${amount === 1 ? "" : "s"}`;
}
