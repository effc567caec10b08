// The status line asks again now and then: rarely while all is well, soon otherwise, never in a hidden window. A request of
// the page that gets no answer shows at once that the gateway is gone.

const SOON = 4000;
const RARELY = 30000;
const PATIENCE = 10000;

const line = $('status');
if (line) {
	let timer = 0;
	const plan = () => {
		clearTimeout(timer);
		if (document.hidden) return;
		timer = setTimeout(poll, line.dataset.kind === 'calm' ? RARELY : SOON);
	};
	const show = (kind, sentence) => {
		line.dataset.kind = kind;
		sentence = localSentence(sentence);
		if ($('status-text').textContent !== sentence) $('status-text').textContent = sentence;
	};
	const gone = () => show('gone', NO_ANSWER);
	const poll = async () => {
		clearTimeout(timer);
		try {
			const asked = { credentials: 'same-origin', cache: 'no-store', signal: AbortSignal.timeout(PATIENCE) };
			const answer = await fetch(line.dataset.from, asked);
			if (answer.ok) {
				const now = await answer.json();
				show(now.kind, now.sentence);
			} else {
				show('gone', reason(answer.status, await answer.text()));
			}
		} catch {
			gone();
		}
		plan();
	};
	document.addEventListener('visibilitychange', () => { if (document.hidden) clearTimeout(timer); else poll(); });
	document.addEventListener('postern:changed', () => { clearTimeout(timer); timer = setTimeout(poll, 300); });
	document.addEventListener('postern:silent', () => { gone(); plan(); });
	show(line.dataset.kind, $('status-text').textContent);
	plan();
}
