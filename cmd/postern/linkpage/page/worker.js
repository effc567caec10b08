'use strict';
// The worker holds what the link opens. It runs the reader and answers the page, and sends files to the service worker.

importScripts('wasm_exec.js');

const go = new Go();
const ready = WebAssembly.instantiateStreaming(fetch('reader.wasm'), go.importObject)
	.then(({ instance }) => { memory = instance.exports.mem; go.run(instance); });
let memory;

// sentence returns an error's text for people.
const sentence = (error) => String(error && error.message || error);

const calls = {
	open: (link, password) => postern.open(link, password),
	list: (path) => postern.list(path),
	more: () => postern.more(),
	// whole returns all bytes of a file that is not larger than limit.
	whole: async (path, limit) => {
		const { id, size } = await postern.file(path);
		try {
			if (size > limit) throw new Error('this file is too large to be shown here');
			const pieces = [];
			for (let piece; (piece = await postern.read(id)) !== null;) pieces.push(piece);
			return pieces;
		} finally {
			postern.close(id);
		}
	},
	// stream sends a file piece by piece through a port: one for each message that comes from there.
	stream: async (path, key, port) => {
		const { id, size } = await postern.file(path);
		port.onmessage = async ({ data }) => {
			if (data !== 'next') return end();
			try {
				const piece = await postern.read(id);
				if (piece === null) {
					port.postMessage({ end: true });
					return end();
				}
				port.postMessage({ piece }, [piece.buffer]);
			} catch (error) {
				port.postMessage({ error: sentence(error) });
				end(sentence(error));
			}
		};
		const end = (error = '') => {
			port.onmessage = null;
			postern.close(id);
			self.postMessage({ ended: key, memory: memory.buffer.byteLength, error });
		};
		return size;
	},
};

self.onmessage = async ({ data: { id, call, args } }) => {
	try {
		await ready;
		self.postMessage({ id, value: await calls[call](...args) });
	} catch (error) {
		self.postMessage({ id, error: sentence(error) });
	}
};
