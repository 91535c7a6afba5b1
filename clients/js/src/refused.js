/** What keyfob did not do: `error` for programs, `message` and `next` for people. */
export class Refused extends Error {
  constructor(status, { error = "", message = "", next = "" }) {
    super(message);
    this.name = "Refused";
    this.status = status;
    this.error = error;
    this.next = next;
    this.stack = `Refused: ${message}\nnext: ${next}\n${this.stack.split("\n").slice(1).join("\n")}`;
  }
}

/** Nothing was asked in the time that was given. */
export class NoPrompt extends Error {
  constructor(seconds) {
    super(`nothing was asked within ${seconds} s`);
    this.name = "NoPrompt";
  }
}
