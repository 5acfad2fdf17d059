import * as core from "@actions/core";
import { create } from "@actions/glob";
import { report } from "./report.js";

async function match(pattern) {
  const globber = await create(pattern, { followSymbolicLinks: false });
  return globber.glob();
}

report(core, match).catch((error) => core.setFailed(`gate-report could not report: ${error.message}`));
