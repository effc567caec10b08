'use strict';
// The page shows what the worker opens. Names and texts of files go into the page as text, never as HTML.

const $ = (id) => document.getElementById(id);
const link = location.href;
history.replaceState({ path: '/' }, '', location.pathname); // the secret stays in this page only

const previewText = 1 << 20, previewImage = 32 << 20, wholeLimit = 256 << 20;
const images = ['image/png', 'image/jpeg', 'image/gif', 'image/webp', 'image/avif', 'image/bmp'];
const texts = /^text\/(?!html)|^application\/(json|toml|yaml|x-sh)\b/;

// The worker and the calls that wait for its answers.
const worker = new Worker('l/worker.js');
const waiting = new Map();
let counted = 0;
worker.onmessage = ({ data }) => {
	if (data.ended) return ended(data);
	const { resolve, reject } = waiting.get(data.id);
	waiting.delete(data.id);
	if (data.error) reject(new Error(data.error));
	else resolve(data.value);
};
worker.onerror = () => fail(new Error('this browser can\'t run the page'));

function call(name, args, moved = []) {
	return new Promise((resolve, reject) => {
		waiting.set(++counted, { resolve, reject });
		worker.postMessage({ id: counted, call: name, args }, moved);
	});
}

function say(text, wrong = false) {
	$('says').textContent = text;
	$('says').className = wrong ? 'wrong' : '';
}

function fail(error) {
	const text = error.message;
	say(text.charAt(0).toUpperCase() + text.slice(1) + '.', true);
}

// Opening.

async function openLink(password) {
	say('Opening …');
	try {
		const opened = await call('open', [link, password]);
		if (opened.password) {
			say('');
			$('ask').hidden = false;
			$('password').focus();
			return;
		}
		$('ask').hidden = true;
		$('name').textContent = document.title = opened.name;
		await show('/');
	} catch (error) {
		fail(error);
	}
}

$('ask').onsubmit = (event) => {
	event.preventDefault();
	openLink($('password').value);
};

// Listing.

async function show(path) {
	say('Loading …');
	shut();
	crumbs(path);
	$('items').replaceChildren();
	$('list').hidden = $('more').hidden = true;
	try {
		add(path, await call('list', [path]));
		$('list').hidden = false;
		say($('items').children.length ? '' : 'This folder is empty.');
	} catch (error) {
		fail(error);
	}
}

function go(path) {
	history.pushState({ path }, '');
	show(path);
}

window.onpopstate = ({ state }) => { if (state) show(state.path); };

function add(path, { items, more }) {
	for (const item of items) $('items').append(row(path === '/' ? '/' + item.name : path + '/' + item.name, item));
	$('more').hidden = !more;
	$('more').onclick = () => call('more', []).then((next) => add(path, next), fail);
}

function row(path, item) {
	const tr = document.createElement('tr');
	tr.dataset.name = item.name;
	const name = button(item.name, () => item.folder ? go(path) : look(path, item));
	const save = item.folder ? '' : button('Download', () => download(path, item));
	if (save) save.dataset.do = 'download';
	const cells = [name, item.folder ? '' : size(item.size), new Date(item.modified).toLocaleString(), save];
	cells.forEach((content, i) => {
		const td = document.createElement('td');
		if (i === 1) td.className = 'n';
		td.append(content);
		tr.append(td);
	});
	return tr;
}

function button(text, act) {
	const b = document.createElement('button');
	b.type = 'button';
	b.textContent = text;
	b.onclick = act;
	return b;
}

function crumbs(path) {
	const names = path.split('/').filter(Boolean);
	$('crumbs').replaceChildren();
	if (names.length === 0) return;
	['', ...names].forEach((name, i) => {
		const li = document.createElement('li');
		const to = '/' + names.slice(0, i).join('/');
		li.append(i === names.length ? name : button(name || $('name').textContent, () => go(to)));
		$('crumbs').append(li);
	});
}

function size(n) {
	const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
	let i = 0;
	for (; n >= 1024 && i < units.length - 1; i++) n /= 1024;
	return (i && n < 10 ? n.toFixed(1) : Math.round(n)) + ' ' + units[i];
}

// Previews. What is neither text nor a picture nor a PDF is only downloaded, above all HTML and SVG.

let picture = '';

function shut() {
	$('preview').hidden = true;
	$('view').replaceChildren();
	if (picture) URL.revokeObjectURL(picture);
	picture = '';
}
$('shut').onclick = shut;

async function look(path, item) {
	const type = item.type.split(';')[0];
	const image = images.includes(type) && item.size <= previewImage;
	const text = texts.test(type) && item.size <= previewText;
	if (type === 'application/pdf' && streams()) return download(path, item, type);
	if (!image && !text) return download(path, item);
	say('Loading …');
	try {
		const pieces = await call('whole', [path, image ? previewImage : previewText]);
		shut();
		let view;
		if (image) {
			view = document.createElement('img');
			view.alt = item.name;
			view.src = picture = URL.createObjectURL(new Blob(pieces, { type }));
		} else {
			view = document.createElement('pre');
			view.textContent = await new Blob(pieces).text();
		}
		$('shown').textContent = item.name;
		$('view').append(view);
		$('preview').hidden = false;
		$('preview').scrollIntoView();
		say('');
	} catch (error) {
		fail(error);
	}
}

// Downloads. A service worker hands the pieces to the browser, which writes them to the disk as they come. Browsers
// have service workers only over HTTPS and on the same machine.

const streams = () => 'serviceWorker' in navigator;
const running = new Map(); // by id: the service worker, and the frame that the browser asks from

async function serviceWorker() {
	const registration = await navigator.serviceWorker.register('l/sw.js', { scope: 'l/file/' });
	const found = registration.active || registration.waiting || registration.installing;
	if (found.state !== 'activated') {
		await new Promise((resolve) => {
			found.onstatechange = () => { if (found.state === 'activated') resolve(); };
		});
	}
	return registration.active;
}

async function download(path, item, inline = '') {
	const tab = inline ? window.open('about:blank') : null; // now: later the browser takes it for advertising
	say('Downloading ' + item.name + ' …');
	try {
		if (streams()) await stream(path, item, tab ? inline : '', tab);
		else await saveWhole(path, item);
	} catch (error) {
		if (tab) tab.close();
		fail(error);
	}
}

// stream announces a file to the service worker, and has the browser ask for it in a hidden frame, or in a tab.
async function stream(path, item, inline, tab) {
	const sw = await serviceWorker();
	const id = crypto.randomUUID();
	const { port1, port2 } = new MessageChannel();
	const bytes = await call('stream', [path, id, port1], [port1]);
	const announced = new Promise((resolve) => {
		navigator.serviceWorker.addEventListener('message', function heard({ data }) {
			if (data.announced !== id) return;
			navigator.serviceWorker.removeEventListener('message', heard);
			resolve();
		});
	});
	navigator.serviceWorker.startMessages();
	sw.postMessage({ file: { id, name: item.name, size: bytes, type: inline, inline: inline !== '' } }, [port2]);
	await announced;
	if (tab) {
		running.set(id, { sw });
		tab.location = new URL('l/file/' + id, location.href);
		return;
	}
	const frame = document.createElement('iframe');
	frame.src = 'l/file/' + id;
	running.set(id, { sw, frame });
	document.body.append(frame);
}

function ended({ ended, memory, error }) {
	document.body.dataset.memory = memory; // bytes of the reader, which do not grow with the file
	const frame = running.get(ended)?.frame;
	if (frame) frame.remove();
	running.delete(ended);
	if (error) fail(new Error(error));
	else if (running.size === 0) say('');
}

// A browser ends a service worker that hears nothing for half a minute, in the middle of a download.
setInterval(() => { for (const { sw } of running.values()) sw.postMessage({}); }, 10000);

async function saveWhole(path, item) {
	if (item.size > wholeLimit) throw new Error('without HTTPS this browser can\'t save files as large as this one');
	const url = URL.createObjectURL(new Blob(await call('whole', [path, wholeLimit])));
	const a = document.createElement('a');
	a.href = url;
	a.download = item.name;
	a.click();
	setTimeout(() => URL.revokeObjectURL(url), 60000);
	say('');
}

if (link.includes('#')) openLink('');
else say('This address is no whole link any more: open the link again, as it was sent to you.');
