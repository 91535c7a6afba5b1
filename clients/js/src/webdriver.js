/** `keyfob webdriver`: the proxy that carries out WebDriver's commands for virtual authenticators on real keys. */
import { Program } from "./program.js";

export class Webdriver {
  #program;

  /** Where it listens: HOST:PORT. */
  address;

  /** Starts one in front of a driver, a program or the URL of one that runs; `options` are more words of the command line. */
  static async start({ driver = "chromedriver", options = [], program = "keyfob", env } = {}) {
    const words = ["webdriver", "--driver", driver, "--listen", "127.0.0.1:0", ...options];
    const started = await Program.start(program, words, { env, ownHome: false });
    const find = (said) => said.join("\n").match(/^listening on (\S+), in front of /m)?.[1];
    return new Webdriver(started, await started.told(find));
  }

  constructor(program, address) {
    this.#program = program;
    this.address = address;
  }

  get hostname() {
    return this.address.slice(0, this.address.lastIndexOf(":"));
  }

  get port() {
    return Number(this.address.slice(this.address.lastIndexOf(":") + 1));
  }

  /** Ends it, with its keys and the driver that it started. */
  async stop() {
    await this.#program.stop("SIGTERM");
  }
}
