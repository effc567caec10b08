// Uploads: by the button or by drag and drop, whole folders too, some at a time, each with progress and cancel.

const AT_ONCE = 3;
const waiting = [];
let busy = 0;
let remembered = ''; // what to do about names that are taken, when the reader said so for all
let arrived = []; // names to show as new
let stale = false; // something arrived that the listing doesn't show yet, perhaps in a folder of it

const canUpload = !!$('upload');

$('upload')?.addEventListener('click', () => $('upload-files').click());
$('upload-files')?.addEventListener('change', (event) => {
	for (const file of event.target.files) enqueue(file, here(), file.name);
	event.target.value = '';
});

if (canUpload) {
	let depth = 0;
	const carriesFiles = (event) => event.dataTransfer?.types.includes('Files');
	const over = (on) => { depth = on ? depth : 0; $('drop').hidden = !on; };
	addEventListener('dragenter', (event) => { if (carriesFiles(event)) { event.preventDefault(); depth++; over(true); } });
	addEventListener('dragover', (event) => { if (carriesFiles(event)) event.preventDefault(); });
	addEventListener('dragleave', () => { if (--depth <= 0) over(false); });
	addEventListener('drop', (event) => {
		if (!carriesFiles(event)) return;
		event.preventDefault();
		over(false);
		const entries = [...event.dataTransfer.items].map((i) => i.webkitGetAsEntry?.()).filter(Boolean);
		if (entries.length) entries.forEach((entry) => take(entry, here()));
		else [...event.dataTransfer.files].forEach((file) => enqueue(file, here(), file.name));
	});
}

// Pasted files are uploaded; what is pasted into a field is not meant.
addEventListener('paste', (event) => {
	if (!canUpload || event.target.matches?.('input, textarea') || $('ask').open) return;
	for (const file of event.clipboardData?.files || []) enqueue(file, here(), file.name);
});

// take uploads what was dropped: a file, or a folder with all that is in it.
async function take(entry, folder) {
	if (entry.isFile) {
		entry.file((file) => enqueue(file, folder, entry.name), () => toast('“' + entry.name + '” can’t be read.'));
		return;
	}
	const url = child(folder, entry.name) + '/';
	const [wrong, status] = await change('MKCOL', url);
	if (wrong && status !== 405) { // 405: it is there
		toast(entry.name + ': ' + wrong);
		return;
	}
	stale = true;
	if (folder === here()) arrived.push(entry.name);
	const reader = entry.createReader();
	for (;;) {
		const some = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
		if (!some.length) break;
		for (const each of some) await take(each, url);
	}
	settle();
}

function enqueue(file, folder, name) {
	const say = el('span', { className: 'say', textContent: 'Waiting' });
	const bar = el('progress', { max: 1, value: 0 });
	bar.setAttribute('aria-label', 'Progress of ' + name);
	const stop = el('button', { type: 'button', className: 'plain', textContent: 'Cancel' });
	stop.setAttribute('aria-label', 'Cancel ' + name);
	const shown = el('bdi', { textContent: name, title: name });
	const line = el('li', { className: 'busy' }, shown, stop, bar, say);
	const job = { file, folder, name, line, bar, say, stop, shown, ended: false, abort: () => {} };
	stop.onclick = () => cancel(job);
	$('uploads-list').append(line);
	$('uploads').hidden = false;
	waiting.push(job);
	pump();
}

function cancel(job) {
	if (job.ended) return;
	job.cancelled = true;
	job.abort();
	end(job, 'Cancelled');
}

function pump() {
	while (busy < AT_ONCE && waiting.length) {
		const job = waiting.shift();
		if (job.ended) continue;
		busy++;
		upload(job).catch(() => end(job, reason(0), true)).finally(() => { busy--; pump(); settle(); });
	}
	summary();
}

// head looks whether something of this name is there. The small request also keeps a large one from being sent twice when
// the browser has to log in again.
async function head(url) {
	const answer = await fetch(url, { method: 'HEAD', credentials: 'same-origin', cache: 'no-store' });
	return { there: answer.ok, missing: answer.status === 404, status: answer.status, etag: answer.headers.get('ETag') };
}

// upload asks what to do about a name that is taken, also when it is taken while the bytes are on their way.
async function upload(job) {
	let url = child(job.folder, job.name);
	let now = await head(url);
	if (job.ended) return;
	if (!now.there && !now.missing) { end(job, reason(now.status), true); return; }
	const headers = { 'X-OC-Mtime': String(job.file.lastModified / 1000) };
	if (now.there && !now.etag) { end(job, 'There is a folder of this name.', true); return; }
	if (now.there) {
		const choice = remembered || await collision(job);
		if (job.ended) return;
		if (choice === 'skip' || choice === 'cancel') { end(job, 'Skipped'); return; }
		if (choice === 'both') {
			for (let n = 2; now.there; n++) {
				const dot = job.name.lastIndexOf('.');
				const stem = dot > 0 ? job.name.slice(0, dot) : job.name;
				const name = stem + ' (' + n + ')' + (dot > 0 ? job.name.slice(dot) : '');
				url = child(job.folder, name);
				now = await head(url);
				if (!now.there) { job.name = name; job.shown.textContent = name; }
			}
		}
	}
	if (now.there) headers['If-Match'] = now.etag; // no other version than the one that was asked about
	else headers['If-None-Match'] = '*';
	if (job.ended) return;
	if (await send(job, url, headers) === 412) await upload(job);
}

async function collision(job) {
	const { value, all } = await ask({
		title: '“' + job.name + '” is there already', text: 'Replacing keeps the earlier version in the history.', all: true,
		buttons: [['skip', 'Skip'], ['both', 'Keep both'], ['replace', 'Replace', 'primary']],
	});
	if (all) remembered = value;
	return value;
}

function send(job, url, headers) {
	return new Promise((resolve) => {
		const request = new XMLHttpRequest();
		job.abort = () => { request.abort(); resolve(); };
		request.open('PUT', url);
		for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
		request.upload.onprogress = (event) => {
			if (job.ended) return;
			job.bar.value = event.total ? event.loaded / event.total : 1;
			job.say.textContent = event.loaded < event.total ? size(event.loaded) + ' of ' + size(event.total) : 'Finishing';
		};
		request.onload = () => {
			if (request.status === 412) {
				job.bar.value = 0;
				resolve(412);
				return;
			}
			if (request.status >= 200 && request.status < 300) {
				stale = true;
				if (job.folder === here()) arrived.push(job.name);
				end(job, 'Done, ' + size(job.file.size));
			} else {
				end(job, reason(request.status, request.responseText), true);
			}
			resolve();
		};
		// The browser does not tell why: the file may have changed or gone, the connection may have broken.
		request.onerror = async () => {
			const alive = await head(url).then(() => true, () => false);
			end(job, alive ? 'The upload broke off, and nothing of it was kept.' : reason(0), true);
			resolve();
		};
		request.send(job.file);
	});
}

function end(job, text, failed = false) {
	if (job.ended) return;
	job.ended = true;
	job.bar.remove();
	if (failed) {
		job.stop.textContent = 'Try again';
		job.stop.setAttribute('aria-label', 'Try again: ' + job.name);
		job.stop.onclick = () => { job.line.remove(); enqueue(job.file, job.folder, job.name); };
	} else {
		job.stop.remove();
	}
	job.say.textContent = text;
	job.line.classList.remove('busy');
	job.line.classList.toggle('failed', failed);
	if (!failed && text !== 'Cancelled') job.line.classList.add('done');
	summary();
}

function summary() {
	const count = (kind) => $('uploads-list').querySelectorAll(kind).length;
	const left = count('.busy');
	const failed = count('.failed');
	$('uploads-title').textContent = left ? 'Uploading, ' + left + ' to go' : failed ? failed + ' not uploaded' : 'Uploaded';
	$('uploads-stop').hidden = !left;
	$('uploads-close').hidden = !!left;
}

// settle shows what has arrived, once the queue is empty.
function settle() {
	if (busy || waiting.length) return;
	remembered = '';
	if (!stale) return;
	refresh(...arrived);
	arrived = [];
	stale = false;
}

$('uploads-close')?.addEventListener('click', () => { $('uploads').hidden = true; $('uploads-list').replaceChildren(); });
$('uploads-stop')?.addEventListener('click', () => {
	waiting.length = 0;
	for (const line of document.querySelectorAll('#uploads-list .busy')) line.querySelector('button')?.click();
});
addEventListener('beforeunload', (event) => { if (document.querySelector('#uploads-list .busy')) event.preventDefault(); });
