import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { report } from "../src/report.js";
import { sample } from "./sample.js";

/** Stands for the toolkit and keeps what it is told. */
class Core {
  constructor(inputs) {
    this.inputs = { "fail-on-missing": "false", ...inputs };
    this.outputs = {};
    this.told = [];
    this.page = "";
    this.failure = null;
    this.summary = {
      addRaw: (text) => {
        this.page += text;
        return this.summary;
      },
      write: async () => {},
    };
  }
  getInput(name) {
    return this.inputs[name];
  }
  getBooleanInput(name) {
    return this.inputs[name] === "true";
  }
  setOutput(name, value) {
    this.outputs[name] = value;
  }
  setFailed(message) {
    this.failure = message;
  }
  error(message, { title }) {
    this.told.push(["error", title, message]);
  }
  warning(message, { title }) {
    this.told.push(["warning", title, message]);
  }
  info() {}
}

async function run(inputs, matches = []) {
  const core = new Core(inputs);
  await report(core, async () => matches);
  return core;
}

const made = [];
after(() => made.forEach((place) => rmSync(place, { recursive: true })));

function emptyFolder() {
  made.push(mkdtempSync(join(tmpdir(), "gate-report-")));
  return made.at(-1);
}

function folder(content = JSON.stringify(sample())) {
  const place = emptyFolder();
  writeFileSync(join(place, "decision.json"), content);
  return place;
}

test("a failing record gives outputs, annotations and a summary, and does not fail the step", async () => {
  const place = folder();
  const core = await run({ decision: join(place, "decision.json") });
  assert.equal(core.failure, null);
  assert.deepEqual(core.outputs, {
    verdict: "fail",
    passed: 1,
    failed: 1,
    inconclusive: 1,
    "not-compared": 1,
    release: "20261121-230512-1a2b3c4d",
    model: "lending",
    commit: "4f1c2d3e5a6b7c8d9e0f1a2b3c4d5e6f7a8b9c0d",
    champion: "3",
    sha256: createHash("sha256").update(JSON.stringify(sample())).digest("hex"),
    decision: join(place, "decision.json"),
  });
  assert.deepEqual(core.told.map(([level]) => level), ["error", "warning"]);
  assert.match(core.page, /Gate: fail/);
});

test("a folder and a glob find the record too", async () => {
  const place = folder();
  assert.equal((await run({ decision: place })).outputs.verdict, "fail");
  assert.equal((await run({ decision: `${place}/*.json` }, [join(place, "decision.json")])).outputs.verdict, "fail");
});

test("two records under one glob are refused", async () => {
  const [one, two] = [folder(), folder()];
  const core = await run({ decision: "releases/*" }, [one, two]);
  assert.equal(core.outputs.verdict, "missing");
  assert.match(core.told[0][2], /^2 records match 'releases\/\*': .*; name one of them$/);
});

const UNREADABLE = [
  ["no file", () => join(folder(), "absent.json"), /no decision record at '.*absent.json'; `weighbridge gate` writes it/],
  ["an empty input", () => " ", /the input 'decision' is empty/],
  ["half a file", () => folder('{"kind":'), /decision.json is not a decision record: it is not JSON/],
  ["another kind", () => folder("{}"), /is not a decision record: its kind is not 'decision'/],
  ["not text", () => folder(Buffer.from([0xff, 0xfe, 0x00])), /is not a decision record: it is not UTF-8 text/],
  [
    "a folder that has a folder of that name",
    () => {
      const place = emptyFolder();
      mkdirSync(join(place, "decision.json"));
      return place;
    },
    /no decision record at/,
  ],
];

for (const [name, make, message] of UNREADABLE) {
  test(`${name}: told, and red only when asked`, async () => {
    const told = await run({ decision: make() });
    assert.equal(told.failure, null);
    assert.equal(told.outputs.verdict, "missing");
    assert.match(told.told[0][2], message);
    assert.match(told.page, /no decision record/);
    const failed = await run({ decision: make(), "fail-on-missing": "true" });
    assert.match(failed.failure, message);
  });
}
