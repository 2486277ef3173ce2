// What both pages share: calls, ids, live events, and how an entry looks.

export const byId = (id) => document.getElementById(id);

const chinese = navigator.language.toLowerCase().startsWith('zh');

/** A random UUID; `crypto.randomUUID` is missing on plain-text pages beyond this machine. */
export function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** When codes can be entered again, in the words and the time of the reader. */
export function lockedOutUntil(ms) {
  const time = new Date(ms).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
  return chinese ? `${time} 之后可再次输入` : `Codes can be entered again at ${time}.`;
}

/** A refused call, with words for people. */
export class Refused extends Error {
  constructor(content, status) {
    const fields = (content.fields || []).map((one) => `${one.field} ${one.description}`);
    const words = (chinese && content.message_zh) || content.message || 'Something went wrong. Please try again.';
    const until = content.lockout_end_time_ms ? [lockedOutUntil(content.lockout_end_time_ms)] : [];
    super([words, ...until, ...(until.length ? [] : fields)].join(' · '));
    this.reason = content.reason || '';
    this.status = status;
  }

  /** Whether the call may have been carried out, or may work later: then it is repeated with the same id. */
  get unsettled() {
    return this.status === 0 || this.status >= 500 || this.status === 429;
  }
}

async function call(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Refused({ message: 'The service can’t be reached. Please try again.', message_zh: '无法连接服务，请稍后重试。' }, 0);
  }
  if (!response.ok) throw new Refused(await response.json().catch(() => ({})), response.status);
  return response.status === 204 ? null : response.json();
}

export const get = (path) => call(path, {});
export const postForm = (path, form) => call(path, { method: 'POST', body: form });
export const post = (path, body) =>
  call(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });

/** Shows a problem, or hides it. */
export function tell(element, error) {
  element.hidden = !error;
  element.textContent = error ? error.message : '';
}

/** A request id that stays the same while the same content is sent again after an unsettled answer. */
export function attempts() {
  let last = { content: '', id: '' };
  return (content) => {
    const text = JSON.stringify(content);
    if (last.content !== text) last = { content: text, id: uuid() };
    return { id: last.id, settle: () => { last = { content: '', id: '' }; } };
  };
}

/** Sends something once: repeats with the same id only while the outcome is unknown. */
export async function once(next, content, send) {
  const attempt = next(content);
  try {
    const answer = await send(attempt.id);
    attempt.settle();
    return answer;
  } catch (error) {
    if (!error.unsettled) attempt.settle();
    throw error;
  }
}

/** Runs a form's work with its button disabled, and shows what went wrong. */
export async function busy(button, problem, work) {
  button.disabled = true;
  try {
    await work();
    tell(problem, null);
  } catch (error) {
    tell(problem, error);
  } finally {
    button.disabled = false;
  }
}

export function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

const size = (bytes) => (bytes < 1024 ? `${bytes} B` : bytes < 1048576 ? `${(bytes / 1024).toFixed(1)} KB` : `${(bytes / 1048576).toFixed(1)} MB`);

/** Listens to named events; the browser opens the stream again by itself, unless it was refused. */
export function listen(path, handlers, restarted) {
  const source = new EventSource(path);
  for (const [kind, handle] of Object.entries(handlers)) {
    source.addEventListener(kind, (event) => handle(JSON.parse(event.data), source));
  }
  source.addEventListener('error', () => {
    // A refused stream is given up by the browser; a stopped service answers so while it starts.
    if (source.readyState === EventSource.CLOSED) setTimeout(restarted, 1000);
  });
  return source;
}

/** How an entry looks to one side; `fileLink` makes the address of a file. */
export function show(entry, side, customer, fileLink) {
  const mine = entry.author === side;
  const box = element('div', `message${mine ? ' mine' : ''}`);
  box.dataset.testid = 'message';
  box.dataset.seq = entry.seq;
  const who = entry.author === 'agent' ? `Agent ${entry.agent}` : customer;
  if (entry.kind === 'text') {
    box.append(element('span', 'who', mine ? 'You' : who), element('span', '', entry.text));
  } else if (entry.kind === 'file') {
    box.classList.add('file');
    box.dataset.testid = 'file-entry';
    const link = element('a', '', entry.name);
    link.href = fileLink(entry);
    link.download = entry.name;
    box.append(element('span', 'who', mine ? 'You' : who), link, element('span', 'soft', ` ${size(entry.size_bytes)}`));
  } else {
    box.classList.add('note');
    box.classList.remove('mine');
    box.textContent = note(entry, side);
  }
  return box;
}

function note(entry, side) {
  if (entry.kind === 'card') {
    return side === 'agent' ? `The access card for ${entry.target} is on the customer’s page.` : `You were given a code for ${entry.target}.`;
  }
  if (entry.kind === 'joined') {
    const order = entry.work_order ? `, work order ${entry.work_order}` : '';
    const agent = `agent ${entry.agent}${order}`;
    if (side === 'agent') return entry.waiting ? `The customer came with a code and waits for ${agent}.` : `With ${agent}.`;
    return entry.waiting ? `You are first in line for ${agent}.` : `You are with ${agent}.`;
  }
  if (entry.kind === 'closed') return entry.message || 'This conversation is over.';
  return '(no longer readable)';
}

/** Appends an entry in its place, once. */
export function place(list, box) {
  const seq = Number(box.dataset.seq);
  const later = Array.from(list.children).find((other) => Number(other.dataset.seq) >= seq);
  if (later && Number(later.dataset.seq) === seq) return;
  list.insertBefore(box, later || null);
  list.scrollTop = list.scrollHeight;
}
