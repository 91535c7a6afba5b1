import { defineConfig } from "cypress";
import { Keyfob } from "keyfob-client";

import { startSite } from "../site/site.mjs";

const command = ["attach", "--profile", "bio", "--finger", "1"];

export default defineConfig({
  e2e: {
    specPattern: "cypress/*.cy.mjs",
    supportFile: false,
    async setupNodeEvents(on, config) {
      let key;
      on("task", {
        async plugIn() {
          key = await Keyfob.start({ program: process.env.KEYFOB, command });
          return null;
        },
        async touch() {
          await key.touch(await key.waitForPrompt());
          return null;
        },
        async unplug() {
          await key.stop();
          return null;
        },
      });
      const site = await startSite();
      return { ...config, baseUrl: site.address };
    },
  },
});
