/** Selenium in JavaScript: its virtual authenticators are real keys, for `keyfob webdriver` stands before chromedriver. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { after, before, test } from "node:test";

import { Webdriver } from "keyfob-client";
import { Builder, By, until } from "selenium-webdriver";
import chrome from "selenium-webdriver/chrome.js";
import { VirtualAuthenticatorOptions } from "selenium-webdriver/lib/virtual_authenticator.js";

import { startSite } from "../site/site.mjs";

let site, proxy, driver;

before(async () => {
  site = await startSite();
  proxy = await Webdriver.start({ program: process.env.KEYFOB });
  const options = new chrome.Options();
  options.setChromeBinaryPath(process.env.CHROMIUM ?? "/usr/bin/chromium");
  options.addArguments("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage");
  driver = await new Builder().usingServer(`http://${proxy.address}`).forBrowser("chrome").setChromeOptions(options).build();
});

after(async () => {
  await driver?.quit();
  await proxy?.stop();
  await site?.close();
});

test("a page makes a passkey and signs in", async () => {
  const options = new VirtualAuthenticatorOptions();
  options.setProtocol("ctap2_1");
  options.setTransport("usb");
  options.setHasResidentKey(true);
  options.setHasUserVerification(true);
  options.setIsUserVerified(true);
  await driver.addVirtualAuthenticator(options);
  await driver.get(site.address);
  await driver.findElement(By.id("register")).click();
  await says("ada has a passkey");
  const [credential] = await driver.getCredentials();
  assert.equal(credential.rpId(), "localhost");
  await driver.findElement(By.id("sign-in")).click();
  await says("ada is signed in");
  await writeFile(`${process.env.ARTEFACTS ?? "."}/selenium.png`, await driver.takeScreenshot(), "base64");
  await driver.removeVirtualAuthenticator();
});

async function says(words) {
  const outcome = await driver.findElement(By.id("outcome"));
  await driver.wait(until.elementTextMatches(outcome, /./), 60_000);
  assert.equal(await outcome.getText(), words);
}
