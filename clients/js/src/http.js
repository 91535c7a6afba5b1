/** Requests of docs/openapi.json. Not by `fetch`, which gives up on an answer after five minutes, and on a silent stream too. */
import { request } from "node:http";

import { Refused } from "./refused.js";

/** The answer to a request, once its head is there; what is refused throws. */
export async function begin({ address, token }, method, path, { body, signal } = {}) {
  const [host, port] = [address.slice(0, address.lastIndexOf(":")), address.slice(address.lastIndexOf(":") + 1)];
  const text = body === undefined ? undefined : JSON.stringify(body);
  const headers = { Authorization: `Bearer ${token}` };
  if (text !== undefined) headers["Content-Length"] = Buffer.byteLength(text);
  const response = await new Promise((resolve, reject) => {
    const asked = request({ host: host.replace(/^\[|\]$/g, ""), port, method, path, headers, signal, agent: false }, resolve);
    asked.on("error", reject);
    asked.end(text);
  });
  if (response.statusCode >= 400) throw new Refused(response.statusCode, parsed(await read(response)) ?? {});
  return response;
}

/** The JSON of an answer; `undefined` where it has none. */
export async function ask(server, method, path, options) {
  return parsed(await read(await begin(server, method, path, options)));
}

/** The whole text of an answer. */
export async function read(response) {
  response.setEncoding("utf8");
  let text = "";
  for await (const piece of response) text += piece;
  return text;
}

function parsed(text) {
  return text.trim() ? JSON.parse(text) : undefined;
}

/** The events of a stream of server-sent events, each of one line of JSON. */
export async function* events(response) {
  response.setEncoding("utf8");
  let name = "";
  for await (const line of lines(response)) {
    if (line.startsWith("event: ")) name = line.slice("event: ".length);
    if (line.startsWith("data: ")) yield { name, data: JSON.parse(line.slice("data: ".length)) };
  }
}

/** The lines of a stream of text, each when it is complete. */
export async function* lines(stream) {
  let rest = "";
  for await (const piece of stream) {
    const complete = (rest + piece).split("\n");
    rest = complete.pop();
    yield* complete;
  }
  if (rest) yield rest;
}
