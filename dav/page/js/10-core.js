// What a browser adds to the pages, which work without. All changes are WebDAV requests to this same origin.

const $ = (id) => document.getElementById(id);
const html = document.documentElement;
html.classList.add('scripted');

// here is the address of the folder that the page shows, with a slash at the end.
const here = () => location.pathname.replace(/\/?$/, '/');
const parentOf = (href) => href.replace(/[^/]+\/?$/, '');
const child = (folder, name) => folder + escapeName(name);

// escapeName returns a name as it stands in an address. U+10FE80 to U+10FEFF stand for the bytes 80 to FF of a name that is not UTF-8.
function escapeName(name) {
	return encodeURIComponent(name).replace(/%F4%8F%B([AB])%([89AB])(.)/g, (escaped, block, high, low) =>
		'%' + (block === 'A' ? high : { 8: 'C', 9: 'D', A: 'E', B: 'F' }[high]) + low);
}

function el(name, props = {}, ...children) {
	const e = document.createElement(name);
	for (const [key, value] of Object.entries(props)) {
		if (key in e) e[key] = value;
		else e.setAttribute(key, value);
	}
	e.append(...children);
	return e;
}

// size is a number of bytes for people.
function size(n) {
	if (n < 1024) return n + ' B';
	const names = ['KiB', 'MiB', 'GiB', 'TiB'];
	let i = -1;
	do { n /= 1024; i++; } while (n >= 1024 && i < names.length - 1);
	return n.toFixed(n < 100 ? 1 : 0) + ' ' + names[i];
}

const NO_ANSWER = 'Postern does not answer. Is it running?';

// reason is the sentence of a failed answer: the drive's own, in XML or plain text. Status 0 is a request without an answer,
// which the status line shows too.
function reason(status, body) {
	if (!status) {
		document.dispatchEvent(new Event('postern:silent'));
		return NO_ANSWER;
	}
	if (status === 412) return 'This was changed meanwhile. Reload the page to see it as it is.';
	const said = /<s:message>([^<]*)<\/s:message>/.exec(body || '');
	if (said) return el('textarea', { innerHTML: said[1] }).value;
	if (status === 401) return 'The drive asks for name and password again. Reload the page.';
	if (status === 423) return 'This is locked by another program or user. Close it there first.';
	if (body && body[0] !== '<' && body.length < 500) return body.trim();
	return 'The drive answered with an error (' + status + ').';
}

// change sends one WebDAV request and returns '' or the sentence of what went wrong; status is in the second place.
async function change(method, url, headers = {}, body = undefined) {
	try {
		const answer = await fetch(url, { method, headers, body, credentials: 'same-origin', cache: 'no-store', redirect: 'error' });
		// A multi-status is an answer about members that could not be changed.
		if (answer.ok && answer.status !== 207) return ['', answer.status];
		const text = await answer.text();
		return [answer.status === 207 ? 'Something in it is locked by another program or user.' : reason(answer.status, text), answer.status];
	} catch {
		return [reason(0), 0];
	}
}

let toasting = 0;
function toast(text) {
	const t = $('toast');
	t.textContent = text;
	t.hidden = false;
	clearTimeout(toasting);
	toasting = setTimeout(() => { t.hidden = true; }, 6000);
}

// ask shows the one dialog. buttons are [value, label, class]; act(value, input) may return a sentence to show instead of
// closing. It resolves to the button's value, 'cancel' when there was none.
let asking = Promise.resolve();
function ask(question) {
	const answer = asking.then(() => askNow(question));
	asking = answer.catch(() => {});
	return answer;
}

function askNow({ title, text = '', label = '', value = '', stem = 0, all = false, buttons, act }) {
	const dialog = $('ask');
	const input = $('ask-input');
	$('ask-title').textContent = title;
	$('ask-text').textContent = text;
	$('ask-field').hidden = !label;
	$('ask-label').textContent = label;
	$('ask-error').textContent = '';
	$('ask-all').hidden = !all;
	$('ask-all-input').checked = false;
	input.value = value;
	const made = buttons.map(([v, name, style]) => el('button', { value: v, textContent: name, className: style || '', type: v === 'cancel' ? 'button' : 'submit' }));
	$('ask-buttons').replaceChildren(...made);
	return new Promise((resolve) => {
		const close = (v) => {
			dialog.onclose = null;
			dialog.close();
			resolve({ value: v, all: $('ask-all-input').checked });
		};
		const form = dialog.querySelector('form');
		form.onsubmit = async (event) => {
			event.preventDefault();
			const v = event.submitter?.value ?? buttons.at(-1)[0];
			if (act && v !== 'cancel') {
				made.forEach((b) => { b.disabled = true; });
				const wrong = await act(v, input.value);
				made.forEach((b) => { b.disabled = false; });
				if (wrong) {
					$('ask-error').textContent = wrong;
					if (label) input.focus();
					return;
				}
			}
			close(v);
		};
		made.forEach((b) => { if (b.value === 'cancel') b.onclick = () => close('cancel'); });
		dialog.onclose = () => close('cancel');
		dialog.showModal();
		if (label) {
			input.focus();
			input.setSelectionRange(0, stem || value.length);
		} else {
			made[0].focus();
		}
	});
}

// badName says what is wrong with a name, or ''.
function badName(name) {
	if (!name.trim()) return 'A name is needed.';
	if (name === '.' || name === '..') return 'This name is reserved.';
	if (name.includes('/')) return 'A name can’t contain a slash.';
	if (new TextEncoder().encode(name).length > 1024) return 'This name is too long.';
	return '';
}

// localTimes shows times in the reader's own zone and manner.
const times = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
const seconds = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
function localTimes(root) {
	for (const t of root.querySelectorAll('time[datetime]')) {
		const when = new Date(t.dateTime);
		if (isNaN(when)) continue;
		t.title = t.textContent;
		t.textContent = ('seconds' in t.dataset ? seconds : times).format(when);
	}
}
localTimes(document);

// localSentence is a sentence of the drive with the times in it as localTimes shows them.
const localSentence = (text) => text.replace(/(\d{4}-\d\d-\d\d) (\d\d:\d\d) UTC/g, (_, day, time) => times.format(new Date(day + 'T' + time + 'Z')));

// A preview that the browser can't show says so.
for (const media of document.querySelectorAll('[data-fails]')) {
	const failed = async () => {
		const answer = await fetch(media.src, { headers: { Range: 'bytes=0-0' }, credentials: 'same-origin' }).catch(() => null);
		const why = answer?.ok ? media.dataset.fails : reason(answer?.status || 0, await answer?.text());
		media.closest('.preview').replaceChildren(el('div', { className: 'empty' }, el('p', { textContent: why, role: 'alert' })));
	};
	media.addEventListener('error', failed);
	if (media.error || media.complete && !media.naturalWidth && media.localName === 'img') failed();
}

// refresh loads the listing anew, without disturbing uploads; the rows of these names are shown as new.
async function refresh(...names) {
	try {
		const asked = { headers: { Accept: 'text/html' }, credentials: 'same-origin', cache: 'no-store' };
		const answer = await fetch(location.href, asked).catch(() => null);
		if (!answer) { // a reload would replace the page by the browser's own error
			toast(reason(0));
			return;
		}
		const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
		const fresh = page.getElementById('listing');
		if (!answer.ok || !fresh) throw new Error();
		localTimes(fresh);
		$('listing').replaceChildren(...fresh.childNodes);
		const note = page.querySelector('.title .note');
		if (note) {
			localTimes(note);
			document.querySelector('.title .note')?.replaceWith(note);
		}
		for (const row of $('listing').querySelectorAll('tr[data-name]')) {
			row.classList.toggle('fresh', names.includes(row.dataset.name));
		}
	} catch {
		if (idle()) location.reload();
	}
	document.dispatchEvent(new Event('postern:changed'));
}

// idle tells that no uploads are under way, which a reload would break off.
const idle = () => !document.querySelector('#uploads-list .busy');
