/** What the tests of both tools know: a private key, and what runs in the page. The scripts end by calling their last argument. */
import { generateKeyPairSync } from "node:crypto";

export const b64u = (text) => Buffer.from(text).toString("base64url");

/** Milliseconds that a page, or a driver, has for one thing; PATIENCE has seconds, for machines that are slow. */
export const PATIENCE = 1000 * (process.env.PATIENCE ?? 60);

/** A new private key: PKCS#8, in a Buffer. */
export function privateKey() {
  return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ format: "der", type: "pkcs8" });
}

/** Makes a passkey; tells its id in base64url, or the name of an error. */
export const CREATE = `
  const done = arguments[arguments.length - 1];
  const user = { id: new TextEncoder().encode("ada"), name: "ada", displayName: "Ada" };
  const authenticatorSelection = { residentKey: "required", userVerification: "required" };
  const publicKey = { challenge: new Uint8Array(16), rp: { name: "A site" }, user, authenticatorSelection,
    pubKeyCredParams: [{ type: "public-key", alg: -7 }] };
  navigator.credentials.create({ publicKey }).then((made) => done(made.id), (error) => done(error.name));`;

/** Signs in with any passkey of the site; tells its id in base64url, or the name of an error. */
export const GET = `
  const done = arguments[arguments.length - 1];
  const publicKey = { challenge: new Uint8Array(16), rpId: "localhost", userVerification: "required" };
  navigator.credentials.get({ publicKey }).then((used) => done(used.id), (error) => done(error.name));`;
