#!/bin/sh
# @passwordless-id/webauthn refuses one valid ES256 sign-in in 128.
#
# version    @passwordless-id/webauthn 2.4.0 from npm; seen with Node 20.20.2 on Linux, 29 November 2026
# behaviour  server.verifyAuthentication reads the DER of an ECDSA signature as if both its numbers filled 32 bytes. A number
#            below 2^248 does not: DER (X.690, section 8.3.2) leaves its leading zero bytes out. Each of the two numbers
#            does so in one signature of 256, and then "Invalid signature" is thrown. OpenSSL, which Node has, takes them all.
# why        WebAuthn section 6.5.5 has such signatures as DER, of any length that comes out. Every authenticator makes
#            them; the user tries again, and signs in.
# output     4096 sign-ins: 4065 accepted, 31 refused
#            refused: each with a number of less than 32 bytes; accepted: none of these
#            (the first line's numbers differ from run to run)
#
# Usage: findings/passwordless-id-short-signatures.sh   (needs node, npm and the network; fails if the behaviour changes)
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
printf '{ "type": "module", "private": true }\n' > package.json
npm install --silent --no-audit --no-fund --ignore-scripts @passwordless-id/webauthn@2.4.0

cat > sign-in.mjs <<'END'
import { createHash, generateKeyPairSync, randomBytes, sign, verify } from "node:crypto";
import { server } from "@passwordless-id/webauthn";

const COUNT = 4096;
const origin = "https://login.example.org";
const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const credential = {
  id: randomBytes(16).toString("base64url"),
  publicKey: publicKey.export({ type: "spki", format: "der" }).toString("base64url"),
  algorithm: "ES256",
};
// WebAuthn section 6.1: RP id hash, flags (present, verified), counter.
const authenticatorData = Buffer.concat([
  createHash("sha256").update("login.example.org").digest(),
  Buffer.from([0x05, 0, 0, 0, 1]),
]);

function signIn() {
  const challenge = randomBytes(16).toString("base64url");
  const clientData = Buffer.from(JSON.stringify({ type: "webauthn.get", challenge, origin, crossOrigin: false }));
  const signed = Buffer.concat([authenticatorData, createHash("sha256").update(clientData).digest()]);
  const signature = sign("sha256", signed, privateKey);
  if (!verify("sha256", signed, publicKey, signature)) {
    throw new Error("OpenSSL refuses its own signature");
  }
  const response = {
    authenticatorData: authenticatorData.toString("base64url"),
    clientDataJSON: clientData.toString("base64url"),
    signature: signature.toString("base64url"),
  };
  return { challenge, signature, answer: { id: credential.id, rawId: credential.id, type: "public-key", response } };
}

// SEQUENCE, INTEGER r, INTEGER s; each has its length in one byte, and a zero byte before a set high bit.
function hasShortNumber(der) {
  const bytes = (at) => der[at + 1] - (der[at + 2] === 0 ? 1 : 0);
  return bytes(2) < 32 || bytes(2 + 2 + der[3]) < 32;
}

let accepted = 0;
let surprises = 0;
let message = "";
for (let number = 0; number < COUNT; number += 1) {
  const { challenge, signature, answer } = signIn();
  let isAccepted = true;
  try {
    await server.verifyAuthentication(answer, credential, { challenge, origin, userVerified: true });
  } catch (error) {
    isAccepted = false;
    message = error.message;
  }
  accepted += isAccepted ? 1 : 0;
  surprises += isAccepted === hasShortNumber(signature) ? 1 : 0;
}
console.log(`${COUNT} sign-ins: ${accepted} accepted, ${COUNT - accepted} refused`);
if (accepted === COUNT || surprises !== 0 || !message.startsWith("Invalid signature: ")) {
  throw new Error(`the behaviour has changed: ${surprises} sign-ins went otherwise; ${message}`);
}
console.log("refused: each with a number of less than 32 bytes; accepted: none of these");
END
node sign-in.mjs
