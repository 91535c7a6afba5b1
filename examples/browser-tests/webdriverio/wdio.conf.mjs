import { KeyfobLauncher } from "./keyfob-service.mjs";

const flags = ["headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage"];

export const config = {
  runner: "local",
  specs: ["./*.test.mjs"],
  framework: "mocha",
  mochaOpts: { timeout: 120_000 },
  reporters: ["spec"],
  logLevel: "warn",
  services: [[KeyfobLauncher, { driver: "chromedriver", program: process.env.KEYFOB }]],
  capabilities: [
    { browserName: "chrome", "goog:chromeOptions": { binary: process.env.CHROMIUM ?? "/usr/bin/chromium", args: flags } },
  ],
};
