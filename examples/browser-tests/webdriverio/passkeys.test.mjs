import { strict as assert } from "node:assert";

import { $, browser } from "@wdio/globals";

import { startSite } from "../site/site.mjs";

describe("passkeys on real keys", () => {
  let site;
  before(async () => (site = await startSite()));
  after(() => site.close());

  it("makes one and signs in", async () => {
    const authenticator = await browser.addVirtualAuthenticator("ctap2_1", "usb", true, true, true, true);
    await browser.url(site.address);
    await (await $("#register")).click();
    await says("ada has a passkey");
    const [credential] = await browser.getCredentials(authenticator);
    assert.equal(credential.rpId, "localhost");
    await (await $("#sign-in")).click();
    await says("ada is signed in");
    await browser.saveScreenshot(`${process.env.ARTEFACTS ?? "."}/webdriverio.png`);
    await browser.removeVirtualAuthenticator(authenticator);
  });

  async function says(words) {
    const outcome = await $("#outcome");
    await browser.waitUntil(async () => (await outcome.getText()) !== "", { timeout: 60_000 });
    assert.equal(await outcome.getText(), words);
  }
});
