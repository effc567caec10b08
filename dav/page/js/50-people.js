// Copying links and contact cards.

document.addEventListener('click', async (event) => {
	const button = event.target.closest('[data-copy]');
	if (!button) return;
	const field = $(button.dataset.copy);
	field.select();
	try {
		if (navigator.clipboard) await navigator.clipboard.writeText(field.value); // it is there over https and on this machine
		else if (!document.execCommand('copy')) throw new Error();
		toast('Copied.');
	} catch {
		toast('Press Ctrl+C to copy it.');
	}
});
