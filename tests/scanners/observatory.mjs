/*
 * Mozilla's HTTP Observatory, asked for single answers of a site on this machine.
 *
 * Standard input: JSON {folder, host, port, paths}. Standard output: JSON, per path the status and the tests that did
 * not pass. Its own command line scans the front page of a public site at port 443 and gives up on answers of 4xx and
 * 5xx; this calls the same retriever and the same tests for each path. Every name resolves to loopback.
 */
import dns from "node:dns";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

dns.lookup = (name, options, callback) => {
  const answer = [{ address: "127.0.0.1", family: 4 }];
  const done = callback ?? options;
  if (options?.all) done(null, answer);
  else done(null, answer[0].address, answer[0].family);
};

const asked = JSON.parse(readFileSync(0, "utf8"));
const load = (file) =>
  import(pathToFileURL(`${asked.folder}/node_modules/@mdn/mdn-http-observatory/src/${file}`).href);
const { retrieve } = await load("retriever/retriever.js");
const { ALL_TESTS } = await load("constants.js");
const { getScoreModifier } = await load("grader/grader.js");

const found = {};
for (const path of asked.paths) {
  const requests = await retrieve(asked.host, { httpsPort: asked.port, httpPort: 1, path });
  if (!requests.responses.https?.verified) throw new Error(`no verified answer for ${path}`);
  const failed = ALL_TESTS.map((test) => test(requests)).filter((one) => !one.pass || getScoreModifier(one.result) < 0);
  found[path] = {
    status: requests.responses.auto.status,
    findings: failed.map((one) => `${one.constructor.name}: ${one.result}`),
  };
}
console.log(JSON.stringify(found));
