/** Selenium's commands for virtual authenticators in JavaScript: the same against a driver and against `keyfob webdriver` before it.
 * DRIVER is where either listens, CAPABILITIES what a session asks for. */
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";

import { Builder, error } from "selenium-webdriver";
import { Credential, Protocol, Transport, VirtualAuthenticatorOptions } from "selenium-webdriver/lib/virtual_authenticator.js";

import { startSite } from "../site/site.mjs";
import { b64u, CREATE, GET, PATIENCE, privateKey } from "../virtual-authenticators/page.mjs";

let site, driver;

before(async () => {
  site = await startSite();
  driver = await new Builder().usingServer(process.env.DRIVER).withCapabilities(JSON.parse(process.env.CAPABILITIES)).build();
  await driver.manage().setTimeouts({ script: PATIENCE });
  await driver.get(site.address);
});

after(async () => {
  await driver?.quit();
  await site?.close();
});

beforeEach(() => driver.addVirtualAuthenticator(keeper()));
afterEach(async () => {
  if (driver.virtualAuthenticatorId()) await driver.removeVirtualAuthenticator();
});

/** An authenticator that keeps passkeys and verifies its user. */
function keeper() {
  const options = new VirtualAuthenticatorOptions();
  options.setProtocol("ctap2_1");
  options.setTransport(Transport.USB);
  options.setHasResidentKey(true);
  options.setHasUserVerification(true);
  options.setIsUserVerified(true);
  return options;
}

const bytes = (text) => new Uint8Array(Buffer.from(text));
const passkey = (id, user) => Credential.createResidentCredential(bytes(id), "localhost", bytes(user), privateKey().toString("binary"), 0);
const apart = (id) => Credential.createNonResidentCredential(bytes(id), "localhost", privateKey().toString("binary"), 7);
const ids = async () => (await driver.getCredentials()).map((credential) => Buffer.from(credential.id()).toString()).sort();

test("an authenticator that was removed is gone", async () => {
  await driver.removeVirtualAuthenticator();
  await assert.rejects(driver.getCredentials(), error.InvalidArgumentError);
});

test("a U2F key takes no passkey", async () => {
  await driver.removeVirtualAuthenticator();
  const options = new VirtualAuthenticatorOptions();
  options.setProtocol(Protocol.U2F);
  options.setTransport(Transport.USB);
  await driver.addVirtualAuthenticator(options);
  await assert.rejects(driver.addCredential(passkey("one", "ada")), error.InvalidArgumentError);
});

test("a passkey that was added is told as it was", async () => {
  await driver.addCredential(passkey("one", "ada"));
  const [told] = await driver.getCredentials();
  assert.equal(Buffer.from(told.id()).toString(), "one");
  assert.equal(told.isResidentCredential(), true);
  assert.equal(told.rpId(), "localhost");
  assert.equal(Buffer.from(told.userHandle()).toString(), "ada");
  assert.equal(told.signCount(), 0);
});

test("a credential that is no passkey is told with its counter", async () => {
  await driver.addCredential(apart("two"));
  const [told] = await driver.getCredentials();
  assert.equal(told.isResidentCredential(), false);
  assert.equal(told.signCount(), 7);
});

test("one credential is removed and the other stays", async () => {
  await driver.addCredential(apart("one"));
  await driver.addCredential(apart("two"));
  await driver.removeCredential(b64u("one"));
  assert.deepEqual(await ids(), ["two"]);
});

test("all credentials are removed", async () => {
  await driver.addCredential(apart("one"));
  await driver.addCredential(passkey("two", "ada"));
  await driver.removeAllCredentials();
  assert.deepEqual(await ids(), []);
});

test("a passkey that a page makes is told, and signs in", async () => {
  const made = await driver.executeAsyncScript(CREATE);
  const [told] = await driver.getCredentials();
  assert.equal(Buffer.from(told.id()).toString("base64url"), made);
  assert.equal(await driver.executeAsyncScript(GET), made);
});

test("a passkey that was added signs in", async () => {
  await driver.addCredential(passkey("one", "ada"));
  assert.equal(await driver.executeAsyncScript(GET), b64u("one"));
});

test("who is not verified is refused, and who is signs in", async () => {
  await driver.addCredential(passkey("one", "ada"));
  await driver.setUserVerified(false);
  assert.equal(await driver.executeAsyncScript(GET), "NotAllowedError");
  await driver.setUserVerified(true);
  assert.equal(await driver.executeAsyncScript(GET), b64u("one"));
});
