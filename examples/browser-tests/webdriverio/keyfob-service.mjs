/** A service for WebdriverIO: its virtual authenticators are real keys, for `keyfob webdriver` stands before the driver. */
import { Webdriver } from "keyfob-client";

export class KeyfobLauncher {
  #options;
  #proxy;

  /** `driver`, `options` and `program`, as `Webdriver.start` takes them. */
  constructor(options) {
    this.#options = options;
  }

  /** The whole configuration is told, or WebdriverIO downloads a driver of its own; the capabilities are what its workers hear. */
  async onPrepare(config, capabilities) {
    this.#proxy = await Webdriver.start(this.#options);
    const { hostname, port } = this.#proxy;
    for (const told of [config, ...capabilities]) Object.assign(told, { protocol: "http", hostname, port, path: "/" });
  }

  async onComplete() {
    await this.#proxy?.stop();
  }
}
