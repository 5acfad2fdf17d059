"use strict";

const at = (id) => document.getElementById(id);
let rater = "", items = [], points = [], place = 0, sending = false;

at("who").addEventListener("submit", async (event) => {
  event.preventDefault();
  rater = at("rater").value.trim();
  const answer = await ask(`/items?rater=${encodeURIComponent(rater)}`);
  if (!answer) return;
  ({ items, points } = answer);
  at("rubric").querySelector("p").textContent = answer.rubric;
  at("scale").replaceChildren(...points.map(button));
  at("who").hidden = true;
  place = Math.max(items.findIndex((item) => item.score === null), 0);
  if (items.every((item) => item.score !== null)) place = items.length;
  show();
});

function button(point, index) {
  const made = document.createElement("button");
  made.type = "button";
  made.append(String(point));
  if (typeof point === "string" && points.length <= 9) {
    const key = document.createElement("kbd");
    key.textContent = ` ${index + 1}`;
    made.append(key);
  }
  made.addEventListener("click", () => rate(index));
  return made;
}

async function ask(path, body) {
  at("problem").textContent = "";
  try {
    const sent = body && { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
    const answer = await fetch(path, sent);
    const told = await answer.json();
    if (answer.ok) return told;
    at("problem").textContent = told.problem;
  } catch {
    at("problem").textContent = "The page's server does not answer; nothing was kept. Start it again and reload.";
  }
  return null;
}

async function rate(index) {
  const item = items[place];
  if (!item || sending) return;
  sending = true;
  const kept = await ask("/ratings", { id: item.id, rater, score: points[index] });
  sending = false;
  if (!kept) return;
  item.score = points[index];
  move(1);
}

function move(by) {
  place = Math.min(Math.max(place + by, 0), items.length);
  show();
}

function show() {
  const item = items[place];
  at("progress").textContent = `${items.filter((each) => each.score !== null).length} of ${items.length} rated`;
  at("work").hidden = !item;
  at("done").hidden = Boolean(item);
  if (!item) return;
  at("prompt").textContent = item.prompt;
  at("answer").textContent = item.answer;
  at("known").hidden = item.reference === null;
  at("reference").textContent = item.reference ?? "";
  for (const [index, made] of [...at("scale").children].entries())
    made.setAttribute("aria-pressed", String(item.score === points[index]));
  at("answer").scrollTop = 0;
  at("answer").focus({ preventScroll: true });
}

at("back").addEventListener("click", () => move(-1));
at("skip").addEventListener("click", () => move(1));
document.addEventListener("keydown", (event) => {
  if (!items.length || event.ctrlKey || event.altKey || event.metaKey) return;
  // Numbers are typed as they are, labels by their place.
  const index = typeof points[0] === "string" ? Number(event.key) - 1 : points.findIndex((point) => String(point) === event.key);
  if (event.key === "ArrowLeft") move(-1);
  else if (event.key === "ArrowRight") move(1);
  else if (index >= 0 && index < points.length) rate(index);
});
