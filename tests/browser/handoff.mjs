// Plays customer and agent through a whole handoff, in a real browser, against a system that runs.
//
//   BASE_URL     the pages                       http://127.0.0.1:8080
//   AGENT        the agent number                A1001
//   PHONE        the customer's phone            (this and MEMBER_ID: at least one)
//   MEMBER_ID    the customer's member number
//   APP_ACCOUNT  the customer's account on the app
//   PROFILE      the work profile                supplement_claim_documents
//   SCREENSHOTS  a folder for pictures           ./screenshots
//   CHROMIUM     the browser                     /usr/bin/chromium
//
// Prints `ok N - ...` for each step; at the first that fails, a picture of every page, and exit status 1.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const env = (name, otherwise = '') => process.env[name] || otherwise;
const base = env('BASE_URL', 'http://127.0.0.1:8080');
const agentNumber = env('AGENT', 'A1001');
const phone = env('PHONE');
const memberId = env('MEMBER_ID');
const account = env('APP_ACCOUNT');
const profile = env('PROFILE', 'supplement_claim_documents');
const pictures = env('SCREENSHOTS', 'screenshots');
const LIMIT_MS = 20_000;
const WORK_ORDER = 'WO-2024-0815';
const LEFT = 'Upload the missing invoice of 3 May';
const DONE = 'Identity checked, claim form complete';
const FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
];

let steps = 0;
const pages = {};
const complaints = [];

async function step(what, work) {
  await work();
  steps += 1;
  console.log(`ok ${steps} - ${what}`);
}

const picture = (page, name) => page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true });

/** A page whose errors and refused content count as failures. */
async function open(context, name, path) {
  const page = await context.newPage();
  pages[name] = page;
  page.setDefaultTimeout(LIMIT_MS);
  page.on('pageerror', (error) => complaints.push(`${name}: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(`${name}: ${message.text()}`);
  });
  await page.goto(base + path);
  return page;
}

const find = (page, id) => page.getByTestId(id);
const textOf = async (page, id) => (await find(page, id).first().textContent()).trim();
const seen = (page, id, text) => find(page, id).filter(text ? { hasText: text } : {}).first().waitFor();
const fill = async (page, values) => {
  for (const [id, value] of Object.entries(values)) await find(page, id).fill(value);
};

async function untilAssigned(agent, platform) {
  await agent.locator(`[data-testid=contact-item][data-platform=${platform}][data-state=ASSIGNED]`).first().waitFor();
}

async function startOnTheSource(context, agent) {
  const customer = await open(context, 'source', '/chat/web_chat');
  await step('the customer starts a conversation on the web chat', async () => {
    await fill(customer, { 'start-name': 'Li Wei', 'start-phone': phone, 'start-member': memberId });
    await find(customer, 'start-button').click();
    await seen(customer, 'chat');
  });
  await step('the agent accepts it', async () => {
    await agent.locator('[data-testid=contact-item][data-platform=web_chat][data-state=OFFERED]').first().click();
    await find(agent, 'contact-accept').click();
    await untilAssigned(agent, 'web_chat');
    await seen(customer, 'status', `You are with agent ${agentNumber}`);
  });
  await step('both write', async () => {
    await fill(customer, { 'composer-input': 'Hello, my claim lacks an invoice.' });
    await find(customer, 'composer-send').click();
    await find(agent, 'conversation').getByText('my claim lacks an invoice').waitFor();
    await fill(agent, { 'agent-input': 'I see it. You can send it in our app.' });
    await find(agent, 'agent-send').click();
    await find(customer, 'messages').getByText('You can send it in our app').waitFor();
    assert.match(await find(customer, 'messages').textContent(), new RegExp(`Agent ${agentNumber}`));
  });
  return customer;
}

/** Gives the code that the customer sees. */
async function handOff(agent, customer) {
  await step('the agent hands the customer off', async () => {
    await find(agent, 'handoff-open').click();
    await fill(agent, {
      'handoff-work-order': WORK_ORDER, 'handoff-profile': profile, 'handoff-phone': phone,
      'handoff-member': memberId, 'handoff-summary': LEFT, 'handoff-done': DONE,
    });
    await find(agent, 'handoff-target').selectOption('app');
    await find(agent, 'handoff-submit').click();
    await seen(agent, 'handoff-result');
  });
  let code = '';
  await step('the customer sees the card with the code and a QR code', async () => {
    await seen(customer, 'access-card');
    code = await textOf(customer, 'access-code');
    assert.match(code, /^[2-9][\d ]{8,14}$/);
    await customer.waitForFunction(() => document.getElementById('access-qr').naturalWidth > 0);
    assert.match(await textOf(customer, 'access-expiry'), /^Valid for \d+:\d\d min/);
    await picture(customer, '1-source-access-card');
    await picture(agent, '2-desk-handed-off');
  });
  return code;
}

async function goOn(context, agent, code) {
  const app = await open(context, 'target', '/chat/app');
  await step('the customer signs in on the app', async () => {
    await fill(app, { 'start-name': 'Li Wei', 'start-account': account });
    await find(app, 'start-button').click();
    await seen(app, 'quick-form');
  });
  await step('the quick input control groups the digits as they are typed', async () => {
    const input = find(app, 'quick-input');
    // A pasted message keeps its lines apart.
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    await app.evaluate(() => navigator.clipboard.writeText('Go on at App.\r\nYour access code: 2345 6789 1\nOr open: https://a.example'));
    await input.focus();
    await app.keyboard.press('ControlOrMeta+v');
    assert.equal(await input.inputValue(), 'Go on at App.; Your access code: 2345 6789 1; Or open: https://a.example');
    await input.fill('');
    await find(app, 'quick-input').pressSequentially(code.replaceAll(' ', ''));
    assert.match(await find(app, 'quick-input').inputValue(), /^\d{4} \d{4}( \d{1,4})*$/);
    // Not `numeric`: a code may be entered as letters, words or pictures too.
    assert.equal(await find(app, 'quick-input').getAttribute('inputmode'), 'text');
    await picture(app, '3-target-quick-input');
  });
  await step('the code brings the customer to the same agent', async () => {
    await find(app, 'quick-submit').click();
    await seen(app, 'status', `agent ${agentNumber}, work order ${WORK_ORDER}`);
    assert.ok(!app.url().includes(code.replaceAll(' ', '')), 'the code is in the address');
  });
  await step('the desk has the contact with work order, remaining work and the earlier conversation', async () => {
    await untilAssigned(agent, 'app');
    await seen(agent, 'work-order', WORK_ORDER);
    await seen(agent, 'remaining-work', LEFT);
    await seen(agent, 'remaining-context', DONE);
    await find(agent, 'source-conversation').getByText('my claim lacks an invoice').waitFor();
    assert.equal(await find(agent, 'conversation').getByText(`With agent ${agentNumber}`).count(), 1);
    await picture(agent, '4-desk-new-contact');
  });
  return app;
}

async function finish(agent, customer, app) {
  await step('the customer sends a file, and both see it', async () => {
    await find(app, 'upload-input').setInputFiles({
      name: 'invoice.pdf', mimeType: 'application/pdf', buffer: Buffer.alloc(34_000, 'invoice '),
    });
    await seen(app, 'file-entry', 'invoice.pdf');
    await find(agent, 'conversation').getByTestId('file-entry').filter({ hasText: 'invoice.pdf 33.2 KB' }).waitFor();
    await picture(app, '5-target-with-file');
  });
  await step('the old conversation is closed, on both sides', async () => {
    await seen(customer, 'closed-banner');
    assert.equal(await find(customer, 'access-card').isVisible(), false);
    assert.equal(await find(customer, 'composer-input').isVisible(), false);
    await agent.locator('[data-testid=contact-item][data-platform=web_chat][data-state=HANDED_OFF]').first().waitFor();
    await picture(customer, '6-source-closed');
  });
  await step('the agent completes the work, and the conversation ends', async () => {
    await fill(agent, { 'agent-input': 'Thank you, that was all.' });
    await find(agent, 'agent-send').click();
    await find(app, 'messages').getByText('that was all').waitFor();
    await find(agent, 'contact-complete').click();
    await seen(app, 'closed-banner');
  });
  await step('no page complained', async () => assert.deepEqual(complaints, []));
}

/** A link that holds a code fills the control and does nothing more, and the code leaves the address bar. */
async function deepLink(context) {
  const page = await open(context, 'link', '/chat/app#234567891');
  await step('a link with a code only fills the control', async () => {
    await seen(page, 'start-form');
    assert.equal(new URL(page.url()).hash, '');
    assert.equal(await find(page, 'quick-input').inputValue(), '2345 6789 1');
  });
  await page.close();
}

async function play(context) {
  const agent = await open(context, 'desk', '/agent');
  await step('the agent signs in', async () => {
    await fill(agent, { 'agent-number': agentNumber });
    await find(agent, 'agent-signin').click();
    await seen(agent, 'router-state', 'Connected');
  });
  await deepLink(context);
  const customer = await startOnTheSource(context, agent);
  const code = await handOff(agent, customer);
  const app = await goOn(context, agent, code);
  await finish(agent, customer, app);
}

await mkdir(pictures, { recursive: true });
const profileFolder = await mkdtemp(join(tmpdir(), 'segue-browser-'));
const context = await chromium.launchPersistentContext(profileFolder, {
  executablePath: env('CHROMIUM', '/usr/bin/chromium'), headless: true, args: FLAGS, locale: 'en-GB',
  viewport: { width: 1100, height: 900 },
});
try {
  await play(context);
  console.log(`1..${steps}`);
} catch (error) {
  console.log(`not ok ${steps + 1} - ${error.message}`);
  for (const complaint of complaints) console.log(`# ${complaint}`);
  for (const [name, page] of Object.entries(pages)) {
    if (!page.isClosed()) {
      const problem = await page.getByTestId('problem').textContent({ timeout: 1000 }).catch(() => '');
      console.log(`# ${name} shows: ${problem}`);
      await picture(page, `failed-${name}`).catch(() => {});
    }
  }
  process.exitCode = 1;
} finally {
  await context.close();
  await rm(profileFolder, { recursive: true, force: true });
}
