// Each state of the lab does what it says, on each endpoint, for all and for one source address.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { parseState } from '../state.mjs';
import { callModern, send, setState, start } from './harness.mjs';

const kRegion = '127.0.1.3';
const kOther = '127.0.1.4';
const kGiveUpMs = 400; // how long a client here waits for what must not come
const kTools = ['echo', 'add', 'search_documents'];

let folder;
let lab;
let ca;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'quorate-lab-'));
  lab = await start('lab.mjs', '--dir', folder, '--access-log', join(folder, 'access.log'));
  ca = readFileSync(lab.ready.ca_file);
});
after(async () => {
  await lab.end();
  rmSync(folder, { recursive: true, force: true });
});
afterEach(() => setState(lab, 'up'));

const urls = () => [lab.ready.legacy, lab.ready.modern, lab.ready.tls];
const giveUp = () => ({ signal: AbortSignal.timeout(kGiveUpMs) });
const from = (localAddress) => ({ localAddress, ca });
const listed = (got) => got.answer.result.tools.map((tool) => tool.name);

async function put(state, source) {
  const { status, answer } = await setState(lab, state, source);
  assert.equal(status, 200, JSON.stringify(answer));
  return answer;
}

/** A connection with nothing sent yet; `closed` resolves with `{code, bytes}`. */
async function connect(url, localAddress) {
  const socket = net.connect({ host: '127.0.0.1', port: Number(new URL(url).port), localAddress });
  let code = null;
  let bytes = 0;
  socket.on('error', (error) => { code = error.code; }).on('data', (chunk) => { bytes += chunk.length; });
  const closed = new Promise((resolve) => { socket.on('close', () => resolve({ code, bytes })); });
  await once(socket, 'connect');
  return { socket, closed };
}

test('down refuses connections, cuts open ones, and up brings the same ports back', async () => {
  const idle = await connect(lab.ready.modern);
  await put('down');
  assert.deepEqual(await idle.closed, { code: 'ECONNRESET', bytes: 0 });
  for (const url of urls()) await assert.rejects(callModern(url, 'server/discover', { ca }), { code: 'ECONNREFUSED' });
  await put('up');
  for (const url of [lab.ready.modern, lab.ready.tls]) assert.deepEqual(listed(await callModern(url, 'tools/list', { ca })), kTools);
});

test('down for one address resets it after accept and nobody else', async () => {
  assert.deepEqual(await put('down', kRegion), { state: 'up', overrides: { [kRegion]: 'down' } });
  for (const url of urls()) {
    await assert.rejects(callModern(url, 'server/discover', from(kRegion)), { code: 'ECONNRESET' });
    assert.ok((await callModern(url, 'server/discover', from(kOther))).status < 500);
  }
  assert.deepEqual(await put('up', kRegion), { state: 'up', overrides: {} });
  assert.equal((await callModern(lab.ready.modern, 'server/discover', from(kRegion))).status, 200);
});

test('down and up reach a TLS connection that is already in use', async () => {
  const agent = new https.Agent({ keepAlive: true, ca, maxSockets: 1 });
  assert.equal((await callModern(lab.ready.tls, 'server/discover', { agent })).status, 200);
  await put('down');
  await assert.rejects(callModern(lab.ready.tls, 'server/discover', { agent }), { code: /ECONNRE(SET|FUSED)/ });
  await put('up');
  assert.equal((await callModern(lab.ready.tls, 'server/discover', { agent })).status, 200);
  agent.destroy();
});

test('up for one address while all are down lets it alone in', async () => {
  await put('down');
  assert.deepEqual(await put('up', kRegion), { state: 'down', overrides: { [kRegion]: 'up' } });
  assert.equal((await callModern(lab.ready.modern, 'server/discover', from(kRegion))).status, 200);
  await assert.rejects(callModern(lab.ready.modern, 'server/discover', from(kOther)), { code: 'ECONNRESET' });
});

test('hang accepts and answers not one byte, neither to HTTP nor to a TLS hello', async () => {
  await put('hang');
  for (const url of urls()) await assert.rejects(callModern(url, 'server/discover', { ca, ...giveUp() }), { name: 'AbortError' });
  const held = await connect(lab.ready.tls);
  held.socket.write('GET / HTTP/1.1\r\n\r\n');
  await put('up');
  assert.equal((await held.closed).bytes, 0);
});

test('hang for one address cuts what it has open and leaves the others', async () => {
  const agent = (localAddress) => new http.Agent({ keepAlive: true, localAddress });
  const [region, other] = [agent(kRegion), agent(kOther)];
  for (const used of [region, other]) assert.equal((await callModern(lab.ready.modern, 'server/discover', { agent: used })).status, 200);
  await put('hang', kRegion);
  await assert.rejects(callModern(lab.ready.modern, 'server/discover', { agent: region, ...giveUp() }));
  assert.equal((await callModern(lab.ready.modern, 'server/discover', { agent: other })).status, 200);
  [region, other].forEach((used) => used.destroy());
});

test('hang-list hangs tools/list alone, and mends the one that waits', async () => {
  await put('hang-list');
  assert.equal((await callModern(lab.ready.modern, 'server/discover')).status, 200);
  await assert.rejects(callModern(lab.ready.tls, 'tools/list', { ca, ...giveUp() }), { name: 'AbortError' });
  const client = new Client({ name: 'lab-test', version: '1' });
  await client.connect(new StreamableHTTPClientTransport(new URL(lab.ready.legacy)));
  await assert.rejects(client.listTools({}, { timeout: kGiveUpMs }), { code: -32001 });
  const waiting = callModern(lab.ready.modern, 'tools/list');
  await put('up');
  assert.deepEqual(listed(await waiting), kTools);
  await client.close();
});

test('slow delays tools/list by that much and nothing else', async () => {
  await put('slow=60s');
  assert.equal((await callModern(lab.ready.modern, 'server/discover')).status, 200);
  await assert.rejects(callModern(lab.ready.modern, 'tools/list', giveUp()), { name: 'AbortError' });
  await put('slow=300ms', kRegion);
  const started = performance.now();
  assert.deepEqual(listed(await callModern(lab.ready.modern, 'tools/list', from(kRegion))), kTools);
  assert.ok(performance.now() - started >= 299);
});

test('a duration is in milliseconds, seconds or minutes, and at most a minute', () => {
  const delays = { 'slow=700ms': 700, 'slow=2s': 2000, 'slow=1m': 60_000, 'slow=60s': 60_000, 'slow=60000ms': 60_000 };
  for (const [text, delay_ms] of Object.entries(delays)) assert.equal(parseState(text).delay_ms, delay_ms, text);
  for (const text of ['slow=2m', 'slow=61s', 'slow=60001ms']) assert.throws(() => parseState(text), /longer than 60s/, text);
  for (const text of ['slow=1h', 'slow=1', 'slow=m', 'slow=1.5s', 'slow=-1s', 'slow=']) assert.throws(() => parseState(text), /bad duration/, text);
});

test('auth answers 401 with a challenge whose metadata is sound', async () => {
  await put('auth');
  for (const url of urls()) {
    const got = await callModern(url, 'server/discover', { ca });
    assert.equal(got.status, 401);
    const [, metadata_url] = /^Bearer .*resource_metadata="([^"]+)"$/.exec(got.headers['www-authenticate']);
    const metadata = JSON.parse((await send(metadata_url, { ca })).text);
    assert.equal(metadata.resource, url);
    const issuer = JSON.parse((await send(`${metadata.authorization_servers[0]}/.well-known/oauth-authorization-server`, { ca })).text);
    assert.equal(issuer.issuer, metadata.authorization_servers[0]);
  }
});

test('error answers 500 and html a page', async () => {
  await put('error');
  for (const url of urls()) assert.equal((await callModern(url, 'server/discover', { ca })).status, 500);
  await put('html');
  for (const url of urls()) {
    const got = await callModern(url, 'server/discover', { ca });
    assert.deepEqual([got.status, got.headers['content-type']], [200, 'text/html']);
  }
});

test('tool-missing takes search_documents off the list, in sessions that are open too', async () => {
  const client = new Client({ name: 'lab-test', version: '1' });
  await client.connect(new StreamableHTTPClientTransport(new URL(lab.ready.legacy)));
  const names = async () => (await client.listTools()).tools.map((tool) => tool.name);
  assert.deepEqual(await names(), kTools);
  await put('tool-missing');
  assert.deepEqual(await names(), ['echo', 'add']);
  for (const url of [lab.ready.modern, lab.ready.tls]) assert.deepEqual(listed(await callModern(url, 'tools/list', { ca })), ['echo', 'add']);
  await put('up');
  assert.deepEqual(await names(), kTools);
  await client.close();
});

test('tls-expired shows the expired certificate on lab-tls alone, and up the good one again', async () => {
  await put('tls-expired', kRegion);
  await assert.rejects(callModern(lab.ready.tls, 'server/discover', from(kRegion)), { code: 'CERT_HAS_EXPIRED' });
  assert.equal((await callModern(lab.ready.tls, 'server/discover', from(kOther))).status, 200);
  await put('tls-expired');
  await assert.rejects(callModern(lab.ready.tls, 'server/discover', { ca }), { code: 'CERT_HAS_EXPIRED' });
  assert.equal((await callModern(lab.ready.tls, 'server/discover', { rejectUnauthorized: false })).status, 200);
  assert.equal((await callModern(lab.ready.modern, 'server/discover')).status, 200);
  await put('up');
  assert.equal((await callModern(lab.ready.tls, 'server/discover', { ca })).status, 200);
});

test('a state for all clears those of single addresses', async () => {
  await put('error', kRegion);
  await put('auth', kOther);
  assert.deepEqual(await put('html'), { state: 'html', overrides: {} });
  assert.equal((await callModern(lab.ready.modern, 'server/discover', from(kRegion))).headers['content-type'], 'text/html');
});

test('the control API says what is wrong and changes nothing then', async () => {
  const wrong = [['sleepy', null, /unknown state: sleepy/], ['slow', null, /bad duration/], ['slow=1h', null, /bad duration: 1h/],
    ['slow=61s', null, /longer than 60s/], ['down', 'us-east', /not an IPv4 address: us-east/], [7, null, /state: a string/]];
  for (const [state, source, message] of wrong) {
    const { status, answer } = await setState(lab, state, source);
    assert.equal(status, 400);
    assert.match(answer.error, message);
  }
  const url = `${lab.ready.control}/state`;
  assert.equal((await send(url, { method: 'PUT', body: '{' })).status, 400);
  assert.equal((await send(url, { method: 'DELETE' })).status, 405);
  assert.deepEqual(JSON.parse((await send(url)).text), { state: 'up', overrides: {} });
});

test('a body over 1 MiB is refused', async () => {
  const got = await send(lab.ready.modern, { method: 'POST', body: Buffer.alloc(1024 * 1024 + 1, 0x20) });
  assert.equal(got.status, 413);
});

test('the access log has a line for each request, answered or not', async () => {
  const address = '127.0.1.5';
  await callModern(lab.ready.modern, 'server/discover', from(address));
  await put('hang-list', address);
  await assert.rejects(callModern(lab.ready.tls, 'tools/list', { ...from(address), ...giveUp() }));
  await put('error', address);
  await callModern(lab.ready.modern, 'tools/list', from(address));
  const log = readFileSync(join(folder, 'access.log'), 'utf8').trim().split('\n').map((line) => JSON.parse(line));
  const seen = log.filter((entry) => entry.source === address).map(({ time, source, ...rest }) => rest);
  const line = (endpoint, rpc_method, status, state) => ({ endpoint, http_method: 'POST', rpc_method, status, state });
  assert.deepEqual(seen[0], line('lab-modern', 'server/discover', 200, 'up'));
  assert.ok(seen.some((entry) => entry.rpc_method === 'tools/list' && entry.endpoint === 'lab-tls' && entry.status === null));
  assert.deepEqual(seen.find((entry) => entry.endpoint === 'lab-modern' && entry.rpc_method === 'tools/list'), line('lab-modern', 'tools/list', 500, 'error'));
});
