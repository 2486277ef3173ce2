// A customer's page.

import { attempts, busy, byId, element, get, listen, once, place, post, postForm, show, tell, uuid } from './common.js';

const { platform, upload, quickInput } = document.body.dataset;
const hasUpload = upload === 'true';
const takesCodes = quickInput === 'true';
const problem = byId('problem');
let session = null;
let source = null;
let card = null;
let lastCardSeq = 0;

// --- The code in the link -------------------------------------------------------------------------------------------

/** Takes the code out of the address bar, so that it's neither seen nor kept in the history. It is never redeemed by
 * itself: whoever sends a link must not be able to move the customer. */
function takeCodeFromLink() {
  const fragment = location.hash.slice(1);
  if (!fragment || !takesCodes) return;
  history.replaceState(null, '', location.pathname);
  let code = fragment;
  try { code = decodeURIComponent(fragment); } catch { /* taken as it is */ }
  byId('code').value = grouped(code);
  byId('quick-hint').textContent = 'Your link brought a code. Press the button to go on with the same agent.';
}

/** Digits in groups of four; anything else as it was typed. */
function grouped(text) {
  const bare = text.replace(/[\s-]/g, '');
  if (!/^\d{1,24}$/.test(bare)) return text;
  return bare.replace(/(\d{4})(?=\d)/g, '$1 ');
}

byId('code').addEventListener('input', (event) => {
  const input = event.target;
  const digitsBefore = input.value.slice(0, input.selectionStart).replace(/[\s-]/g, '').length;
  const atEnd = input.selectionStart === input.value.length;
  const text = grouped(input.value);
  if (text === input.value) return;
  input.value = text;
  let at = text.length;
  if (!atEnd) {
    at = 0;
    for (let seen = 0; seen < digitsBefore && at < text.length; at += 1) if (text[at] !== ' ') seen += 1;
  }
  input.setSelectionRange(at, at);
});

/** A pasted message keeps its lines apart: the control has one line, and by itself would glue them together. */
byId('code').addEventListener('paste', (event) => {
  const text = event.clipboardData.getData('text/plain').trim();
  if (!/[\r\n]/.test(text)) return;
  event.preventDefault();
  const { selectionStart, selectionEnd } = event.target;
  event.target.setRangeText(text.replace(/\s*[\r\n]+\s*/g, '; '), selectionStart, selectionEnd, 'end');
});

window.addEventListener('hashchange', takeCodeFromLink);

// --- What is shown when ----------------------------------------------------------------------------------------------

function render() {
  const open = Boolean(session && session.open);
  const waiting = open && takesCodes && !session.contact_id;
  byId('start').hidden = Boolean(session);
  // Until an agent is there, a code may still be entered.
  byId('quick').hidden = !open || !takesCodes || Boolean(session.agent);
  byId('chat').hidden = !session;
  byId('ask').hidden = !waiting;
  byId('composer').hidden = !open || waiting;
  byId('upload').hidden = !open || waiting || !hasUpload;
  byId('leave').hidden = !open;
  byId('again').hidden = !session || open;
  byId('status').hidden = !open;
  if (open && !session.agent) {
    byId('status').textContent = waiting
      ? `Hello ${session.name}. Enter your code, or talk to any agent.`
      : 'You are in line. An agent will be with you.';
  }
}

function withAgent(entry) {
  if (!session) return;
  session = { ...session, agent: entry.agent, work_order: entry.work_order, contact_id: session.contact_id || 'admitted' };
  const order = entry.work_order ? `, work order ${entry.work_order}` : '';
  byId('status').textContent = entry.waiting
    ? `You are first in line for agent ${entry.agent}${order}.`
    : `You are with agent ${entry.agent}${order}.`;
  render();
}

function close(entry) {
  session = { ...session, open: false };
  byId('closed').textContent = entry.message || 'This conversation is over.';
  byId('closed').hidden = false;
  hideCard();
  render();
}

// --- The access card (R8) --------------------------------------------------------------------------------------------

function showCard(entry) {
  if (entry.seq < lastCardSeq) return;
  lastCardSeq = entry.seq;
  card = entry.card;
  if (!card) return hideCard();
  byId('access-target').textContent = card.target;
  byId('access-message').textContent = card.message;
  const [first, ...others] = card.faces.map((face) => {
    const line = element('div', 'code', face.display);
    line.dataset.testid = face.kind === 'digits' ? 'access-code' : `access-${face.kind}`;
    line.title = face.speech;
    return line;
  });
  byId('access-first').replaceChildren(...(first ? [first] : []));
  byId('access-others').replaceChildren(...others);
  byId('access-more').hidden = others.length === 0;
  const picture = byId('access-qr');
  picture.hidden = !card.qr_svg;
  if (card.qr_svg) picture.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(card.qr_svg)}`;
  const link = byId('access-link');
  link.hidden = !/^(https?:\/\/|tel:)/.test(card.entry_uri);
  if (!link.hidden) link.href = card.entry_uri;
  byId('access').hidden = false;
  tick();
}

function hideCard() {
  card = null;
  byId('access').hidden = true;
  byId('access-first').replaceChildren();
  byId('access-others').replaceChildren();
  byId('access-qr').removeAttribute('src');
  byId('access-link').removeAttribute('href');
}

function tick() {
  if (!card) return;
  const left = Math.round((card.expire_at_ms - Date.now()) / 1000);
  if (left <= 0) return hideCard();
  byId('access-expiry').textContent = `Valid for ${Math.floor(left / 60)}:${String(left % 60).padStart(2, '0')} min.`;
}
setInterval(tick, 1000);

// --- Live ------------------------------------------------------------------------------------------------------------

function follow() {
  if (source) source.close();
  source = listen(`/api/events?platform=${platform}`, { entry: onEntry }, resume);
}

function onEntry(entry, stream) {
  const link = (file) => `/api/upload/${file.upload}?platform=${platform}`;
  // The end has a place of its own.
  if (entry.kind !== 'closed') place(byId('messages'), show(entry, 'customer', 'You', link));
  if (entry.kind === 'joined') withAgent(entry);
  if (entry.kind === 'card') showCard(entry);
  if (entry.kind === 'closed') {
    close(entry);
    stream.close();
  }
}

async function resume() {
  try {
    const found = await get(`/api/session?platform=${platform}`);
    session = found;
    if (found) follow();
  } catch {
    setTimeout(resume, 2000);
  }
  render();
}

// --- What the customer does ------------------------------------------------------------------------------------------

const nextStart = attempts();
// Only this page may repeat what it started.
const startSecret = crypto.randomUUID() + crypto.randomUUID();
byId('start').addEventListener('submit', (event) => {
  event.preventDefault();
  const form = event.target;
  const content = Object.fromEntries(['name', 'phone', 'member_id', 'account'].map((name) => [name, form.elements[name].value]));
  busy(event.submitter, problem, async () => {
    session = await once(nextStart, content, (request_id) => post('/api/sessions', { platform, request_id, start_secret: startSecret, ...content }));
    form.reset();
    byId('messages').replaceChildren();
    byId('closed').hidden = true;
    lastCardSeq = 0;
    follow();
    render();
  });
});

const nextCode = attempts();
byId('quick').addEventListener('submit', (event) => {
  event.preventDefault();
  const code = byId('code').value;
  busy(event.submitter, problem, async () => {
    const redeemed = await redeem(code);
    byId('code').value = '';
    withAgent(redeemed);
  });
});

/** An accepted code whose customer is still being let in is asked for again, with the same id. */
async function redeem(code) {
  for (let tries = 0; ; tries += 1) {
    try {
      return await once(nextCode, code, (request_id) => post('/api/redeem', { platform, request_id, code }));
    } catch (error) {
      if (error.reason !== 'ADMISSION_PENDING' || tries === 10) throw error;
      tell(problem, error);
      await new Promise((resolve) => { setTimeout(resolve, 500); });
    }
  }
}

byId('ask').addEventListener('click', (event) => busy(event.target, problem, async () => {
  session = await post('/api/contact', { platform });
  render();
}));

byId('leave').addEventListener('click', (event) => busy(event.target, problem, () => post('/api/leave', { platform })));

byId('again').addEventListener('click', () => {
  session = null;
  render();
});

const nextMessage = attempts();
byId('composer').addEventListener('submit', (event) => {
  event.preventDefault();
  const text = byId('text').value.trim();
  if (!text) return;
  busy(event.submitter, problem, async () => {
    await once(nextMessage, text, (message_id) => post('/api/messages', { platform, message_id, text }));
    byId('text').value = '';
  }).then(() => byId('text').focus());
});

byId('file').addEventListener('change', (event) => {
  const [file] = event.target.files;
  if (!file) return;
  const form = new FormData();
  form.append('message_id', uuid());
  form.append('file', file, file.name);
  busy(event.target, problem, () => postForm(`/api/upload?platform=${platform}`, form)).then(() => { event.target.value = ''; });
});

for (const part of document.querySelectorAll('[data-for]')) {
  part.hidden = (part.dataset.for === 'signed-in') !== takesCodes;
}
if (takesCodes) {
  byId('start-title').textContent = 'Sign in';
  byId('start-hint').textContent = 'Then enter your quick access code, or talk to us.';
}
takeCodeFromLink();
resume();
