// Works on the drive with the npm package "webdav", for the end-to-end tests. Usage: node webdav.mjs ADDRESS digest|password,
// with $POSTERN_DAV_PASSWORD. Ends with 0 when all came out as it should, else says what did not.
import assert from "node:assert/strict";
import { pipeline } from "node:stream/promises";
import { Readable } from "node:stream";
import { AuthType, createClient } from "webdav";

const [address, scheme] = process.argv.slice(2);
const authType = scheme === "digest" ? AuthType.Digest : AuthType.Password;
const client = createClient(address, { authType, username: "postern", password: process.env.POSTERN_DAV_PASSWORD });
const root = `/files/npm ${scheme}`;
const doc = `${root}/ünï 100% #1.txt`;

// status is what an operation that has to fail fails with.
const status = async (promise) => {
	try {
		await promise;
	} catch (err) {
		return err.status ?? err;
	}
	return "no error";
};

await client.createDirectory(`${root}/a/b`, { recursive: true });
assert.equal(await client.exists(`${root}/a/b`), true);
assert.equal(await client.exists(`${root}/c`), false);
assert.equal(await status(client.createDirectory(`${root}/a`)), 405);

assert.equal(await client.putFileContents(doc, "one"), true);
assert.equal(await client.putFileContents(doc, "two", { overwrite: false }), false, "overwrite: false has overwritten");
assert.equal(await client.getFileContents(doc, { format: "text" }), "one");
const bytes = new Uint8Array(3_000_000).map((_, i) => (i * 7919) >> 3);
await client.putFileContents(`${root}/bytes`, bytes.buffer, { contentLength: bytes.length });
assert.deepEqual(new Uint8Array(await client.getFileContents(`${root}/bytes`)), bytes);

const listed = await client.getDirectoryContents(root, { deep: false });
assert.deepEqual(listed.map((e) => [e.basename, e.type]).sort(), [["a", "directory"], ["bytes", "file"], ["ünï 100% #1.txt", "file"]]);
assert.equal(await status(client.getDirectoryContents(root, { deep: true })), 403);
const stat = await client.stat(doc);
assert.equal(stat.size, 3);
assert.equal(stat.mime, "text/plain");
assert.ok(stat.etag);
assert.equal((await client.stat(doc, { details: true })).data.filename, doc);

// Streams, and parts of a file.
await new Promise((resolve, reject) => {
	const up = client.createWriteStream(`${root}/stream`, {}, resolve);
	pipeline(Readable.from([Buffer.from("first "), Buffer.from("second "), Buffer.from("third")]), up).catch(reject);
});
const down = [];
for await (const part of client.createReadStream(`${root}/stream`, { range: { start: 6, end: 11 } })) down.push(part);
assert.equal(Buffer.concat(down).toString(), "second");
assert.equal(await status(client.partialUpdateFileContents(`${root}/stream`, 0, 4, "WHOLE")) === "no error", false, "a part was written");
assert.equal(await status(client.customRequest(`${root}/stream`, { method: "PATCH", data: "x" })), 405);
assert.equal(await client.getFileContents(`${root}/stream`, { format: "text" }), "first second third");

// A lock keeps out who has no token, here the same user, and lets in who has.
const lock = await client.lock(doc, { timeout: "Infinite" });
assert.ok(lock.token);
assert.equal(await status(client.putFileContents(doc, "without")), 423);
assert.equal(await status(client.deleteFile(doc)), 423);
await client.putFileContents(doc, "with", { headers: { If: `(<${lock.token}>)` } });
await client.unlock(doc, lock.token);
await client.putFileContents(doc, "free");
const { etag } = await client.stat(doc);
const quoted = etag.startsWith('"') ? etag : `"${etag}"`;
await client.putFileContents(doc, "newer", { headers: { "If-Match": quoted } });
assert.equal(await status(client.putFileContents(doc, "lost update", { headers: { "If-Match": quoted } })), 412);

await client.copyFile(doc, `${root}/copy.txt`);
assert.equal(await status(client.copyFile(doc, `${root}/copy.txt`, { overwrite: false })), 412);
await client.copyFile(`${root}/a`, `${root}/a2`);
await client.moveFile(`${root}/copy.txt`, `${root}/a2/moved.txt`);
assert.equal(await client.getFileContents(`${root}/a2/moved.txt`, { format: "text" }), "newer");
await client.deleteFile(`${root}/a`);
assert.equal(await status(client.stat(`${root}/a`)), 404);

assert.equal(await client.getQuota(), null); // it asks for all properties, and quota is not among them (RFC 4331, 3)
assert.ok((await client.getDAVCompliance(root)).compliance.includes("2"));
