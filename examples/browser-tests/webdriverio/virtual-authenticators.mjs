/** WebdriverIO's commands for virtual authenticators: the same against a driver and against `keyfob webdriver` before it. */
import { strict as assert } from "node:assert";

import { browser } from "@wdio/globals";

import { startSite } from "../site/site.mjs";
import { b64u, CREATE, GET, PATIENCE, privateKey } from "../virtual-authenticators/page.mjs";

describe("virtual authenticators", () => {
  let site, authenticator;

  before(async () => {
    site = await startSite();
    await browser.setTimeout({ script: PATIENCE });
    await browser.url(site.address);
  });
  after(() => site.close());
  beforeEach(async () => (authenticator = await browser.addVirtualAuthenticator("ctap2_1", "usb", true, true, true, true)));
  afterEach(async () => {
    if (authenticator) await browser.removeVirtualAuthenticator(authenticator);
  });

  const add = (id, user, signCount = 0) =>
    browser.addCredential(authenticator, b64u(id), user !== undefined, "localhost", privateKey().toString("base64url"), user && b64u(user), signCount);
  const ids = async () => (await browser.getCredentials(authenticator)).map(({ credentialId }) => Buffer.from(credentialId, "base64url").toString()).sort();
  const inThePage = (script) => browser.executeAsyncScript(script, []);

  it("an authenticator that was removed is gone", async () => {
    const gone = authenticator;
    authenticator = undefined;
    await browser.removeVirtualAuthenticator(gone);
    await assert.rejects(browser.getCredentials(gone), /invalid argument/);
  });

  it("a U2F key takes no passkey", async () => {
    await browser.removeVirtualAuthenticator(authenticator);
    authenticator = await browser.addVirtualAuthenticator("ctap1/u2f", "usb");
    await assert.rejects(add("one", "ada"), /invalid argument/);
  });

  it("a passkey that was added is told as it was", async () => {
    await add("one", "ada");
    const [told] = await browser.getCredentials(authenticator);
    const { credentialId, isResidentCredential, rpId, userHandle, signCount } = told;
    const as = { credentialId: b64u("one"), isResidentCredential: true, rpId: "localhost", userHandle: b64u("ada"), signCount: 0 };
    assert.deepEqual({ credentialId, isResidentCredential, rpId, userHandle, signCount }, as);
  });

  it("a credential that is no passkey is told with its counter", async () => {
    await add("two", undefined, 7);
    const [told] = await browser.getCredentials(authenticator);
    assert.deepEqual([told.isResidentCredential, told.signCount], [false, 7]);
  });

  it("one credential is removed and the other stays", async () => {
    await add("one");
    await add("two");
    await browser.removeCredential(authenticator, b64u("one"));
    assert.deepEqual(await ids(), ["two"]);
  });

  it("all credentials are removed", async () => {
    await add("one");
    await add("two", "ada");
    await browser.removeAllCredentials(authenticator);
    assert.deepEqual(await ids(), []);
  });

  it("a passkey that a page makes is told, and signs in", async () => {
    const made = await inThePage(CREATE);
    const [told] = await browser.getCredentials(authenticator);
    assert.equal(told.credentialId, made);
    assert.equal(await inThePage(GET), made);
  });

  it("a passkey that was added signs in", async () => {
    await add("one", "ada");
    assert.equal(await inThePage(GET), b64u("one"));
  });

  it("who is not verified is refused, and who is signs in", async () => {
    await add("one", "ada");
    await browser.setUserVerified(authenticator, false);
    assert.equal(await inThePage(GET), "NotAllowedError");
    await browser.setUserVerified(authenticator, true);
    assert.equal(await inThePage(GET), b64u("one"));
  });
});
