import { expect, test } from "./keyfob.mjs";

test("a person makes a passkey with a finger, and signs in", async ({ page, key, site }) => {
  await page.goto(site.address);
  await page.click("#register");
  const asked = await key.waitForPrompt();
  expect(asked).toMatchObject({ action: "verify", gesture: "finger", rp_id: "localhost" });
  await key.touch(asked);
  await expect(page.locator("#outcome")).toHaveText("ada has a passkey");

  await page.click("#sign-in");
  await key.touch(await key.waitForPrompt());
  await expect(page.locator("#outcome")).toHaveText("ada is signed in");
});

test("a finger that does not fit is tried again", async ({ page, key, site }) => {
  await page.goto(site.address);
  await page.click("#register");
  await key.touch(await key.waitForPrompt(), { finger: 2 });
  await key.touch(await key.waitForPrompt());
  await expect(page.locator("#outcome")).toHaveText("ada has a passkey");
});
