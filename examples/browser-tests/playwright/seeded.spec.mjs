/** Passkeys that go from Playwright to a key on the bus, and back. The site has SimpleWebAuthn judge both. */
import { readFile } from "node:fs/promises";

import { expect, test } from "./keyfob.mjs";

test("a login that Playwright kept is one of a real key", async ({ browser, page, key, site }, info) => {
  const state = info.outputPath("state.json");
  const first = await browser.newContext();
  await first.credentials.install();
  const seeding = await first.newPage();
  await seeding.goto(site.address);
  await seeding.click("#register");
  await expect(seeding.locator("#outcome")).toHaveText("ada has a passkey");
  await first.storageState({ path: state, credentials: true });
  await first.close();

  await key.run("credentials", "import", state);
  await page.goto(site.address);
  await page.click("#sign-in");
  await key.touch(await key.waitForPrompt());
  await expect(page.locator("#outcome")).toHaveText("ada is signed in");
});

test("a passkey of a real key is one that Playwright seeds", async ({ browser, page, key, site }, info) => {
  await madeWithTheKey(page, key, site);
  const state = info.outputPath("state.json");
  await key.run("credentials", "export", "--format", "playwright", state);
  const context = await browser.newContext({ storageState: state });
  const seeded = await context.newPage();
  await seeded.goto(site.address);
  await seeded.click("#sign-in");
  await expect(seeded.locator("#outcome")).toHaveText("ada is signed in");
  await context.close();
});

test("a passkey of a real key is one of DevTools' virtual authenticator", async ({ context, page, key, site }, info) => {
  await madeWithTheKey(page, key, site);
  const file = info.outputPath("devtools.json");
  await key.run("credentials", "export", "--format", "devtools", file);
  const devtools = await context.newCDPSession(page);
  await devtools.send("WebAuthn.enable");
  const options = { protocol: "ctap2", transport: "usb", hasResidentKey: true, hasUserVerification: true, isUserVerified: true };
  const { authenticatorId } = await devtools.send("WebAuthn.addVirtualAuthenticator", { options });
  const { credentials } = JSON.parse(await readFile(file, "utf8"));
  for (const credential of credentials) await devtools.send("WebAuthn.addCredential", { authenticatorId, credential });
  await page.click("#sign-in");
  await expect(page.locator("#outcome")).toHaveText("ada is signed in");
});

async function madeWithTheKey(page, key, site) {
  await page.goto(site.address);
  await page.click("#register");
  await key.touch(await key.waitForPrompt());
  await expect(page.locator("#outcome")).toHaveText("ada has a passkey");
}
