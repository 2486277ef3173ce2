// The agent's desk. Contacts are known by their id, entries by session and number, so being told again changes nothing.

import { attempts, busy, byId, element, listen, lockedOutUntil, once, place, post, show, tell, uuid } from './common.js';

const problem = byId('problem');
const contacts = new Map();
const sessions = new Map();
const entries = new Map();
const issued = new Map();
let agent = '';
let chosen = '';
let stream = null;

const OVER = ['COMPLETED', 'ABANDONED', 'HANDED_OFF', 'EXPIRED', 'WITHDRAWN'];
const WORDS = {
  QUEUED: 'waiting', OFFERED: 'offered to you', ASSIGNED: 'with you', COMPLETED: 'completed',
  ABANDONED: 'customer left', HANDED_OFF: 'closed: went on elsewhere', EXPIRED: 'waited for too long',
  WITHDRAWN: 'offer withdrawn',
};

// Why the router changed the presence by itself.
const NOTES = {
  missed_offers: 'You did not answer several offers, so you were set away. Choose Available to go on.',
  desk_lost: 'This desk was cut off for too long, and your contacts went to others. Choose Available to go on.',
};

// --- Signing in ------------------------------------------------------------------------------------------------------

byId('signin').addEventListener('submit', (event) => {
  event.preventDefault();
  const number = event.target.elements.agent.value.trim();
  busy(event.submitter, problem, async () => {
    const answer = await post('/api/agent/presence', { request_id: uuid(), agent: number, presence: 'available' });
    agent = answer.agent || number;
    byId('who').textContent = [agent, answer.display_name].filter(Boolean).join(' · ');
    byId('signin').hidden = true;
    byId('desk').hidden = false;
    follow();
  });
});

byId('presence').addEventListener('change', (event) => busy(event.target, problem, async () => {
  await post('/api/agent/presence', { request_id: uuid(), agent, presence: event.target.value });
  if (event.target.value === 'offline') {
    stream.close();
    location.reload();
  }
}));

// --- Live ------------------------------------------------------------------------------------------------------------

function follow() {
  if (stream) stream.close();
  stream = listen(`/api/agent/events?agent=${encodeURIComponent(agent)}`, {
    router: (news) => { byId('router').textContent = news.connected ? 'Connected: contacts arrive here.' : 'The router is away; trying again…'; },
    presence: ({ presence, reason }) => {
      byId('presence').value = presence;
      byId('presence-note').textContent = NOTES[reason] || '';
      byId('presence-note').hidden = !NOTES[reason];
    },
    contact: onContact,
    session: (session) => {
      // The name is forgotten when a conversation ends; this page may go on showing what it showed.
      sessions.set(session.session, { ...session, name: session.name || sessions.get(session.session)?.name });
      render();
    },
    entry: (entry) => {
      if (!entries.has(entry.session)) entries.set(entry.session, new Map());
      entries.get(entry.session).set(entry.seq, entry);
      renderEntries(entry.session);
    },
    refused: (content, source) => {
      source.close();
      tell(problem, { message: content.message });
    },
  }, follow);
}

function onContact(contact) {
  const known = contacts.get(contact.contact_id);
  // A list of contacts knows less than an assignment; what is known stays.
  const merged = known && !contact.remaining && !contact.source_session
    ? { ...known, ...contact, remaining: known.remaining, source_session: known.source_session, source_platform: known.source_platform, work_order: contact.work_order || known.work_order }
    : contact;
  contacts.set(contact.contact_id, merged);
  const arrived = !known && !OVER.includes(contact.state);
  if (!chosen || (arrived && (contact.handoff || OVER.includes(contacts.get(chosen)?.state)))) chosen = contact.contact_id;
  render();
}

// --- What is shown ---------------------------------------------------------------------------------------------------

const platforms = Object.fromEntries(Array.from(document.querySelectorAll('[name=target_platform] option'), (one) => [one.value, one.textContent]));
const platformOf = (id) => platforms[id] || id;
const nameOf = (contact) => sessions.get(contact.session)?.name || 'Customer';
const closed = (contact) => OVER.includes(contact.state) || sessions.get(contact.session)?.open === false;

function render() {
  const list = Array.from(contacts.values())
    .filter((contact) => contact.state !== 'WITHDRAWN')
    .sort((a, b) => Number(closed(a)) - Number(closed(b)) || b.create_time_ms - a.create_time_ms);
  byId('nobody').hidden = list.length > 0;
  byId('contacts').replaceChildren(...list.map(item));
  const contact = contacts.get(chosen);
  byId('detail').hidden = !contact;
  if (contact) renderDetail(contact);
}

function item(contact) {
  const button = element('button', `contact${contact.contact_id === chosen ? ' chosen' : ''}`);
  button.type = 'button';
  button.dataset.testid = 'contact-item';
  button.dataset.contact = contact.contact_id;
  button.dataset.platform = contact.platform;
  button.dataset.state = contact.state;
  button.append(element('b', '', nameOf(contact)), element('span', 'soft', `${platformOf(contact.platform)} · ${WORDS[contact.state] || contact.state} `));
  if (contact.handoff) button.append(element('span', 'badge handoff', 'handoff'));
  button.addEventListener('click', () => {
    chosen = contact.contact_id;
    byId('handoff').hidden = true;
    render();
  });
  return button;
}

function renderDetail(contact) {
  const over = closed(contact);
  byId('title').textContent = `${nameOf(contact)} on ${platformOf(contact.platform)}`;
  byId('state').textContent = WORDS[contact.state] || contact.state;
  byId('state').className = `badge${over ? '' : ' live'}`;
  byId('facts').replaceChildren(...facts(contact).flatMap(([term, text, testid]) => {
    const value = element('dd', '', text);
    value.dataset.testid = testid;
    return [element('dt', '', term), value];
  }));
  byId('accept').hidden = byId('decline').hidden = contact.state !== 'OFFERED';
  const mine = contact.state === 'ASSIGNED' && !over;
  byId('complete').hidden = byId('handoff-open').hidden = byId('composer').hidden = !mine;
  if (!mine) byId('handoff').hidden = true;
  byId('closed').hidden = !over;
  byId('earlier').hidden = !contact.source_session;
  byId('earlier-where').textContent = `On ${platformOf(contact.source_platform)}. The customer need not explain anything again.`;
  renderIssued(issued.get(contact.contact_id), over);
  for (const list of ['messages', 'earlier-messages']) {
    const session = list === 'messages' ? contact.session : contact.source_session;
    if (byId(list).dataset.session !== session) {
      byId(list).dataset.session = session;
      byId(list).replaceChildren();
    }
    renderEntries(session);
  }
}

function facts(contact) {
  const found = [];
  if (contact.work_order) found.push(['Work order', contact.work_order, 'work-order']);
  if (contact.remaining) {
    const { profile, summary, conversation, context } = contact.remaining;
    if (profile) found.push(['Work profile', profile, 'remaining-profile']);
    if (summary) found.push(['What is left', summary, 'remaining-work']);
    if (conversation) found.push(['What was said', conversation, 'remaining-conversation']);
    for (const [name, value] of context) found.push([name === 'done' ? 'What was done' : name, value, 'remaining-context']);
  }
  if (contact.handoff_id) found.push(['Handoff', contact.handoff_id, 'handoff-id']);
  return found;
}

function renderEntries(session) {
  const known = entries.get(session);
  if (!known || !session) return;
  const link = (file) => `/api/agent/upload/${session}/${file.upload}`;
  for (const list of [byId('messages'), byId('earlier-messages')]) {
    if (list.dataset.session !== session) continue;
    const customer = sessions.get(session)?.name || 'Customer';
    for (const entry of known.values()) {
      if (!list.querySelector(`[data-seq="${entry.seq}"]`)) place(list, show(entry, 'agent', customer, link));
    }
  }
}

function renderIssued(answer, over) {
  const box = byId('issued');
  box.hidden = !answer || over;
  box.replaceChildren();
  if (box.hidden) return;
  box.append(element('h2', '', `The customer goes on at ${platformOf(answer.target)}`));
  box.append(element('p', '', answer.delivered
    ? 'The card with the code is on the customer’s page.'
    : 'The card has not reached the customer’s page yet. If it doesn’t come, read the code aloud:'));
  if (answer.lockout_end_time_ms) {
    const why = 'The customer has entered too many wrong codes.';
    box.append(element('p', 'problem', `${why} ${lockedOutUntil(answer.lockout_end_time_ms)}`));
  }
  for (const face of answer.faces) {
    const code = element('div', 'code', face.display);
    code.dataset.testid = `issued-${face.kind}`;
    box.append(code);
  }
  for (const candidate of answer.candidates) {
    const reasons = candidate.reasons.filter(Boolean).join('; ');
    box.append(element('p', 'soft', `${candidate.eligible ? '✓' : '✗'} ${platformOf(candidate.platform)}${candidate.has_account ? ', has an account' : ''}${reasons ? `: ${reasons}` : ''}`));
  }
}

// --- What the agent does ---------------------------------------------------------------------------------------------

for (const action of ['accept', 'decline', 'complete']) {
  byId(action).addEventListener('click', (event) => busy(event.target, problem, () =>
    post(`/api/agent/${action}`, { request_id: uuid(), agent, contact_id: chosen })));
}

const nextMessage = attempts();
byId('composer').addEventListener('submit', (event) => {
  event.preventDefault();
  const text = byId('text').value.trim();
  if (!text) return;
  const contact_id = chosen;
  busy(event.submitter, problem, async () => {
    await once(nextMessage, [contact_id, text], (message_id) => post('/api/agent/message', { message_id, agent, contact_id, text }));
    byId('text').value = '';
  }).then(() => byId('text').focus());
});

byId('handoff-open').addEventListener('click', () => { byId('handoff').hidden = false; });
byId('handoff-cancel').addEventListener('click', () => { byId('handoff').hidden = true; });

const nextHandoff = attempts();
byId('handoff').addEventListener('submit', (event) => {
  event.preventDefault();
  const form = event.target;
  const contact_id = chosen;
  const content = { agent, contact_id };
  for (const name of ['work_order', 'profile', 'phone', 'member_id', 'locale', 'target_platform', 'summary', 'conversation', 'done']) {
    content[name] = form.elements[name].value;
  }
  busy(event.submitter, problem, async () => {
    issued.set(contact_id, await once(nextHandoff, content, (request_id) => post('/api/agent/handoff', { request_id, ...content })));
    form.reset();
    form.hidden = true;
    render();
  });
});
