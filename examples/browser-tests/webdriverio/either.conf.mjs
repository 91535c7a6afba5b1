/** For tests that are the same with a driver and with `keyfob webdriver` before it: DRIVER is where either listens, CAPABILITIES what a
 * session asks for. */
import { PATIENCE } from "../virtual-authenticators/page.mjs";

const { protocol, hostname, port } = new URL(process.env.DRIVER);

export const config = {
  runner: "local",
  specs: ["./virtual-authenticators.mjs"],
  framework: "mocha",
  mochaOpts: { timeout: 2 * PATIENCE },
  connectionRetryTimeout: 2 * PATIENCE,
  reporters: ["spec"],
  logLevel: "warn",
  protocol: protocol.replace(":", ""),
  hostname,
  port: Number(port),
  path: "/",
  capabilities: [JSON.parse(process.env.CAPABILITIES)],
};
