// New folder, rename, delete, restore.

const CANCEL = ['cancel', 'Cancel'];

$('new-folder')?.addEventListener('click', async () => {
	let made = '';
	const { value } = await ask({
		title: 'New folder', label: 'Name', value: 'New folder', buttons: [CANCEL, ['make', 'Create', 'primary']],
		act: async (_, name) => {
			made = name;
			const bad = badName(name);
			if (bad) return bad;
			const [wrong, status] = await change('MKCOL', child(here(), name) + '/');
			return status === 405 ? 'There is something of this name already.' : wrong;
		},
	});
	if (value === 'make') {
		await refresh(made);
		rowOf(made)?.querySelector('a')?.focus();
	}
});

const rowOf = (name) => [...document.querySelectorAll('tr[data-name]')].find((r) => r.dataset.name === name);

async function rename(row) {
	const { name, href } = row.dataset;
	const dot = 'folder' in row.dataset ? 0 : name.lastIndexOf('.');
	let now = '';
	const { value } = await ask({
		title: 'Rename', label: 'New name', value: name, stem: dot > 0 ? dot : 0, buttons: [CANCEL, ['rename', 'Rename', 'primary']],
		act: async (_, wanted) => {
			now = wanted;
			const bad = badName(wanted);
			if (bad || wanted === name) return bad;
			const to = new URL(child(parentOf(href), wanted), location.origin).href;
			const [wrong, status] = await change('MOVE', href, { Destination: to, Overwrite: 'F' });
			return status === 412 ? 'There is something of this name already.' : wrong;
		},
	});
	if (value !== 'rename' || now === name) return;
	if (row.id === 'self') {
		location.replace(child(parentOf(href), now) + '?view');
		return;
	}
	await refresh(now);
	rowOf(now)?.querySelector('a')?.focus();
}

async function remove(row) {
	const { name, href, etag } = row.dataset;
	const folder = 'folder' in row.dataset;
	const { value } = await ask({
		title: 'Delete “' + name + '”?',
		text: folder ? 'The folder goes with all that is in it. Earlier states of it stay in the history for a while.' : 'Earlier versions stay in the history for a while.',
		buttons: [CANCEL, ['delete', 'Delete', 'danger']],
		// Only what the reader sees is deleted, not what came in its place meanwhile.
		act: async () => {
			const [wrong, status] = await change('DELETE', href, { 'If-Match': etag || '*' });
			return status === 404 ? '' : wrong;
		},
	});
	if (value !== 'delete') return;
	if (row.id === 'self') location.replace(document.body.dataset.parent || '/');
	else await refresh();
}

async function restore(row) {
	const { name, restore: to } = row.dataset;
	const from = row.dataset.href;
	const folder = 'folder' in row.dataset;
	const time = row.querySelector('time[data-seconds]');
	const until = time ? ' as it was until ' + time.textContent : '';
	const target = to.split('/').map(escapeName).join('/');
	const { value } = await ask({
		title: 'Restore “' + name + '”' + until + '?',
		text: 'It takes the place of what is there now; that stays in the history.',
		buttons: [CANCEL, ['restore', 'Restore', 'primary']],
		act: async () => {
			const [wrong, status] = await change('COPY', from, { Destination: new URL(target, location.origin).href, Overwrite: 'T' });
			if (!wrong) return '';
			if (status === 409) return 'The folder that it was in is not there any more. Restore that first.';
			if (status !== 403) return wrong;
			if (folder) return 'This folder can’t be restored as a whole. Open it and restore what is in it.';
			return restoreBytes(from, target);
		},
	});
	if (value !== 'restore') return;
	toast('Restored: ' + name);
	if ($('listing')) await refresh();
}

// restoreBytes is for drives that can't copy out of their history: the bytes go through the browser.
async function restoreBytes(from, to) {
	try {
		const old = await fetch(from, { credentials: 'same-origin' });
		if (!old.ok) return reason(old.status, await old.text());
		const headers = { 'X-OC-Mtime': String(Date.parse(old.headers.get('Last-Modified')) / 1000 || '') };
		const [wrong] = await change('PUT', to, headers, await old.blob());
		return wrong;
	} catch {
		return reason(0);
	}
}

const doing = { rename, delete: remove, restore };

document.addEventListener('click', (event) => {
	const button = event.target.closest('[data-do]');
	if (button) doing[button.dataset.do](button.closest('[data-name]') || $('self'));
	for (const menu of document.querySelectorAll('.menu[open]')) {
		if (!menu.contains(event.target) || event.target.closest('.act')) menu.open = false;
	}
});

document.addEventListener('keydown', (event) => {
	const menu = event.key === 'Escape' && document.querySelector('.menu[open]');
	if (!menu) return;
	menu.open = false;
	menu.querySelector('summary').focus();
});

// A menu at the lower edge of the window opens upwards.
document.addEventListener('toggle', (event) => {
	const menu = event.target;
	if (!menu.matches?.('.menu')) return;
	menu.classList.toggle('above', menu.open && menu.getBoundingClientRect().bottom + 190 > window.innerHeight && menu.getBoundingClientRect().top > 190);
}, true);
