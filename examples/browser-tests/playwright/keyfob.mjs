/** Fixtures: a key on the bus for each test, and the site. */
import { test as base } from "@playwright/test";
import { Keyfob } from "keyfob-client";

import { startSite } from "../site/site.mjs";

export { expect } from "@playwright/test";

export const test = base.extend({
  /** A key with a fingerprint sensor and no PIN, so that browsers show no dialog of their own. */
  keyCommand: [["attach", "--profile", "bio", "--finger", "1"], { option: true }],

  key: async ({ keyCommand }, use) => {
    const key = await Keyfob.start({ program: process.env.KEYFOB, command: keyCommand });
    await use(key);
    await key.stop();
  },

  site: async ({}, use) => {
    const site = await startSite();
    await use(site);
    await site.close();
  },
});
