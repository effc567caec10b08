'use strict';
// The service worker turns a file that the page decrypts into a download that the browser writes as it comes. The page
// announces a file with a port; then the browser asks for it at l/file/ID. Nothing else passes through here.

const files = new Map();

self.addEventListener('install', () => self.skipWaiting());
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));

self.addEventListener('message', (event) => {
	const { file } = event.data;
	if (!file) return; // a sign of life from the page, which keeps this worker running
	files.set(file.id, { ...file, port: event.ports[0] });
	event.source.postMessage({ announced: file.id });
});

self.addEventListener('fetch', (event) => {
	const id = new URL(event.request.url).pathname.split('/').pop();
	const file = files.get(id);
	files.delete(id);
	event.respondWith(file ? answer(file) : new Response('This file is not open any more.', { status: 404 }));
});

// answer returns a file as a response. Its bytes come one piece for each that the browser takes.
function answer({ name, size, type, inline, port }) {
	const body = new ReadableStream({
		pull: (controller) => new Promise((resolve) => {
			port.onmessage = ({ data }) => {
				if (data.piece) controller.enqueue(data.piece);
				else if (data.end) controller.close();
				else controller.error(new Error(data.error));
				resolve();
			};
			port.postMessage('next');
		}),
		cancel: () => port.postMessage('stop'),
	}, { highWaterMark: 1 });
	return new Response(body, { headers: {
		'Content-Type': inline ? type : 'application/octet-stream',
		'Content-Length': String(size),
		'Content-Disposition': `${inline ? 'inline' : 'attachment'}; filename*=UTF-8''${escaped(name)}`,
		'X-Content-Type-Options': 'nosniff',
		'Cache-Control': 'no-store',
	} });
}

// escaped returns a name as RFC 8187 has it in headers.
function escaped(name) {
	return encodeURIComponent(name).replace(/['()*]/g, (c) => '%' + c.charCodeAt(0).toString(16).toUpperCase());
}
