/** The client with a key that is served: what can be told without a host. `KEYFOB` is the program. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { after, before, test } from "node:test";

import { Keyfob, NoPrompt, NotStarted, Refused, Webdriver } from "../src/index.js";

const started = { program: process.env.KEYFOB ?? "keyfob", command: ["serve", "--listen", "127.0.0.1:0", "--profile", "bio"] };
let key;

before(async () => (key = await Keyfob.start(started)));
after(() => key.stop());

function passkey(userHandle = "YWRh") {
  const privateKey = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  return {
    credentialId: Buffer.from(`an id of ${userHandle}`).toString("base64url"),
    isResidentCredential: true,
    rpId: "example.org",
    userHandle,
    privateKey: privateKey.export({ format: "der", type: "pkcs8" }).toString("base64url"),
    signCount: 7,
  };
}

test("a key that was started asks nothing", async () => {
  const [told] = await key.listKeys();
  assert.equal(told.key, "1-1");
  assert.equal(told.prompt, null);
  await assert.rejects(key.waitForPrompt({ seconds: 0 }), NoPrompt);
  assert.ok(key.said.some((line) => line.startsWith("listening on ")));
});

test("a credential goes in, is changed, and goes out", async () => {
  const credential = passkey();
  assert.equal(await key.addCredential(credential), null);
  await key.changeCredential(credential.credentialId, { backupEligibility: true, signCount: null });
  const [told] = await key.credentials();
  assert.deepEqual(
    { ...told, ...credential, signCount: null, backupEligibility: true },
    told,
  );
  assert.equal(await key.addCredential({ ...passkey(), credentialId: "bmV3" }), credential.credentialId);
  await key.removeCredential("bmV3");
  assert.deepEqual(await key.credentials(), []);
});

test("all credentials are told, however many answers that takes", async () => {
  await key.removeCredentials();
  const many = Array.from({ length: 9 }, (_, number) => passkey(Buffer.from([number]).toString("base64url")));
  for (const one of many) await key.addCredential(one);
  assert.equal((await key.credentials()).length, many.length);
  await key.removeCredentials();
});

test("events tell of credentials, until nobody wants to hear", async () => {
  const stop = new AbortController();
  const events = await key.events({ signal: stop.signal });
  const credential = passkey();
  await key.addCredential(credential);
  const { value } = await events.next();
  assert.equal(value.name, "credentialAdded");
  assert.equal(value.data.credential.credentialId, credential.credentialId);
  stop.abort();
  for await (const event of events) assert.equal(event.name, "credentialDeleted");
  await key.removeCredentials();
});

test("events end with the key, and are no failure then", async () => {
  const other = await Keyfob.start(started);
  const events = await other.events();
  const rest = events.next();
  await other.stop();
  assert.equal((await rest).done, true);
});

test("a finger is enrolled, a policy is set, the key is replugged", async () => {
  await key.enrollFinger(1);
  await key.removeFinger(1);
  await key.setPolicy({ touch: "deny", verification: "fail" });
  await key.setPolicy({ touch: "ask" });
  assert.equal((await key.metadata()).protocolFamily, "fido2");
  const { name, profile } = await key.profile();
  assert.equal(name, "bio");
  assert.equal(profile.options.bioEnroll, true);
});

test("faults are added, listed and cleared", async () => {
  const [id] = await key.addFault({ kind: "status", status: "CTAP2_ERR_PIN_BLOCKED", command: "getInfo" });
  assert.deepEqual((await key.faults()).map((fault) => fault.id), [id]);
  await key.clearFaults({ id });
  await key.addFault({ recipe: "busy-at-once" });
  await key.clearFaults();
  assert.deepEqual(await key.faults(), []);
});

test("what is refused says why and what next", async () => {
  const refused = await key.removeCredential("bm93aGVyZQ").catch((error) => error);
  assert.ok(refused instanceof Refused);
  assert.equal(refused.status, 400);
  assert.equal(refused.error, "invalid argument");
  assert.ok(refused.message && refused.next);
  await assert.rejects(key.tap(), Refused); // it is no card
});

test("who has another token is refused", async () => {
  const stranger = new Keyfob(key.address, "a token of yesterday");
  await assert.rejects(stranger.listKeys(), (error) => error instanceof Refused && error.status === 401);
});

test("a keyfob that does not start says why, in its own words", async () => {
  const { program } = started;
  const [, taken] = key.said.join("\n").match(/^listening on ([^,\s]+)/m);
  for (const [start, words] of [
    [() => Keyfob.start({ program, command: ["serve", "--listen", "127.0.0.1:0", "--profile", "no such profile"] }), /no such profile/],
    [() => Keyfob.start({ program, command: ["serve", "--listen", taken] }), / is taken by /],
    [() => Keyfob.start({ ...started, program: "no-such-program" }), /^cannot start no-such-program/],
    [() => Webdriver.start({ program, driver: "no-such-driver", options: ["--serve"] }), /^cannot start no-such-driver/],
  ]) {
    await assert.rejects(start, (error) => error instanceof NotStarted && words.test(error.message) && error.next !== "");
  }
});

test("what npm packs is the client, its types and what one has to know", async () => {
  const here = new URL("..", import.meta.url);
  const [{ files }] = JSON.parse(execFileSync("npm", ["pack", "--dry-run", "--json"], { cwd: here, stdio: ["ignore", "pipe", "ignore"] }));
  const sources = (await readdir(new URL("src", here))).map((name) => `src/${name}`);
  assert.deepEqual(files.map(({ path }) => path).sort(), ["LICENSE", "README.md", "package.json", ...sources].sort());
  const licences = ["LICENSE", "../../LICENSE"].map((path) => readFile(new URL(path, here), "utf8")); // npm packs no links
  assert.equal(...(await Promise.all(licences)));
});

test("each operation of the description is a method", async () => {
  const described = JSON.parse(await readFile(new URL("../../../docs/openapi.json", import.meta.url), "utf8"));
  const operations = Object.values(described.paths).flatMap((path) => Object.values(path)).map((operation) => operation.operationId);
  const sameAs = { waitForPromptOfKey: "waitForPrompt" }; // with a `key`
  for (const name of operations.filter(Boolean)) {
    assert.equal(typeof key[sameAs[name] ?? name], "function", name);
  }
});
