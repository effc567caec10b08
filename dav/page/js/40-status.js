// The status line asks again now and then: soon while something is pending, rarely else, never in a hidden window.

const SOON = 4000;
const RARELY = 30000;

const line = $('status');
if (line) {
	let timer = 0;
	const plan = () => {
		clearTimeout(timer);
		if (document.hidden) return;
		timer = setTimeout(poll, line.dataset.kind === 'pending' ? SOON : RARELY);
	};
	const show = (kind, sentence) => {
		line.dataset.kind = kind;
		sentence = localSentence(sentence);
		if ($('status-text').textContent !== sentence) $('status-text').textContent = sentence;
	};
	const poll = async () => {
		try {
			const answer = await fetch(line.dataset.from, { credentials: 'same-origin', cache: 'no-store' });
			if (answer.ok) {
				const now = await answer.json();
				show(now.kind, now.sentence);
			}
		} catch {
			show('blocked', 'Postern does not answer. Is it running?');
		}
		plan();
	};
	document.addEventListener('visibilitychange', () => { if (document.hidden) clearTimeout(timer); else poll(); });
	document.addEventListener('postern:changed', () => { clearTimeout(timer); timer = setTimeout(poll, 300); });
	show(line.dataset.kind, $('status-text').textContent);
	plan();
}
