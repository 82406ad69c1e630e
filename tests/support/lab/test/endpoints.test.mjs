// Every endpoint in the state `up`, as the official clients see it.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Client as ModernClient, StreamableHTTPClientTransport as ModernTransport } from '@modelcontextprotocol/client';
import { Client as LegacyClient } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { callModern, kFolder, kModernVersion, send, start, withFolder } from './harness.mjs';

const kInfo = { name: 'lab-test', version: '1' };

/** Connects SDK v1's client, runs `body(client, transport)`, and ends the session. */
async function withLegacyClient(transport, body) {
  const client = new LegacyClient(kInfo);
  await client.connect(transport);
  try {
    await body(client, transport);
    await transport.terminateSession?.();
  } finally {
    await client.close();
  }
}

function names(list) {
  return list.tools.map((tool) => tool.name).sort();
}

test('lab-legacy: sessions, tools and a call with the v1 client', () => withFolder(async (dir) => {
  const lab = await start('lab.mjs', '--dir', dir);
  const url = new URL(lab.ready.legacy);
  let ended = null;
  await withLegacyClient(new StreamableHTTPClientTransport(url), async (client, transport) => {
    ended = transport.sessionId;
    assert.match(ended, /^[0-9a-f-]{36}$/);
    assert.equal(transport.protocolVersion, '2025-11-25');
    assert.deepEqual(client.getServerVersion(), { name: 'lab-legacy', version: '1.0.0' });
    const list = await client.listTools();
    assert.deepEqual(names(list), ['add', 'echo', 'search_documents']);
    assert.deepEqual(list.tools.find((tool) => tool.name === 'add').inputSchema.required, ['a', 'b']);
    const found = await client.callTool({ name: 'search_documents', arguments: { query: 'health' } });
    assert.equal(found.structuredContent.total_results, 1);
  });
  const after = await send(lab.ready.legacy, {
    method: 'POST', body: '{"jsonrpc":"2.0","id":7,"method":"tools/list"}',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', 'mcp-session-id': ended },
  });
  assert.equal(after.status, 404, 'the session ended with DELETE');
  const discover = await callModern(lab.ready.legacy, 'server/discover');
  assert.equal(discover.status, 400, 'it speaks the legacy era alone');
  assert.equal(discover.answer.error.code, -32000);
  assert.equal(await lab.end(), 0);
}));

test('lab-modern: discover, tools and a call with the v2 client', () => withFolder(async (dir) => {
  const lab = await start('lab.mjs', '--dir', dir);
  const discover = await callModern(lab.ready.modern, 'server/discover');
  assert.equal(discover.status, 200);
  assert.deepEqual(discover.answer.result.supportedVersions, [kModernVersion]);
  const client = new ModernClient(kInfo, { versionNegotiation: { mode: { pin: kModernVersion } } });
  await client.connect(new ModernTransport(new URL(lab.ready.modern)));
  assert.deepEqual(names(await client.listTools()), ['add', 'echo', 'search_documents']);
  const sum = await client.callTool({ name: 'add', arguments: { a: 2, b: 40 } });
  assert.equal(sum.content[0].text, '42');
  await client.close();
  await assert.rejects(new LegacyClient(kInfo).connect(new StreamableHTTPClientTransport(new URL(lab.ready.modern))), 'no legacy era here');
  assert.equal(await lab.end(), 0);
}));

test('lab-tls: verified against its CA, both eras, and certificates kept between starts', () => withFolder(async (dir) => {
  let lab = await start('lab.mjs', '--dir', dir, '--ready-file', join(dir, 'ready'));
  assert.deepEqual(JSON.parse(readFileSync(join(dir, 'ready'), 'utf8')), lab.ready);
  const ca = readFileSync(lab.ready.ca_file);
  const discover = await callModern(lab.ready.tls, 'server/discover', { ca });
  assert.deepEqual(discover.answer.result.supportedVersions, [kModernVersion]);
  const by_address = await callModern(lab.ready.tls.replace('localhost', '127.0.0.1'), 'tools/list', { ca });
  assert.deepEqual(names(by_address.answer.result), ['add', 'echo', 'search_documents']);
  const initialize = await send(lab.ready.tls, {
    method: 'POST', ca, headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: kInfo } }),
  });
  assert.match(initialize.text, /"protocolVersion":"2025-11-25"/);
  await assert.rejects(callModern(lab.ready.tls, 'server/discover'), { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' });
  await lab.end();
  lab = await start('lab.mjs', '--dir', dir);
  assert.deepEqual(readFileSync(lab.ready.ca_file), ca);
  await lab.end();
}));

test('modern-stateless: discover and four tools that compute', async () => {
  const server = await start('modern-stateless.mjs');
  const client = new ModernClient(kInfo, { versionNegotiation: { mode: { pin: kModernVersion } } });
  await client.connect(new ModernTransport(new URL(server.ready.url)));
  assert.deepEqual(names(await client.listTools()), ['count_words', 'day_of_week', 'to_fahrenheit', 'to_roman']);
  const text = async (name, args) => (await client.callTool({ name, arguments: args })).content[0].text;
  assert.equal(await text('to_roman', { number: 1994 }), 'MCMXCIV');
  assert.equal(await text('day_of_week', { date: '2026-07-28' }), 'Tuesday');
  assert.equal(await text('to_fahrenheit', { celsius: 100 }), '212');
  assert.equal(await text('count_words', { text: ' one  two\nthree ' }), '3');
  await client.close();
  assert.equal(await server.end(), 0);
});

for (const [transport, Transport] of [['streamableHttp', StreamableHTTPClientTransport], ['sse', SSEClientTransport]]) {
  test(`everything over ${transport}: answers on loopback and nowhere else`, async () => {
    const server = await start('everything.mjs', '--transport', transport);
    const url = new URL(server.ready.url);
    await withLegacyClient(new Transport(url), async (client) => {
      assert.ok(names(await client.listTools()).includes('echo'));
    });
    const others = Object.values(networkInterfaces()).flat().filter(({ internal, family }) => !internal && family === 'IPv4').map(({ address }) => address);
    for (const host of ['127.0.0.2', ...others]) {
      await assert.rejects(new Promise((resolve, reject) => {
        net.connect({ host, port: Number(url.port) }, resolve).on('error', reject);
      }), { code: 'ECONNREFUSED' });
    }
    assert.equal(await server.end(), 0);
  });
}

test('lab.mjs serves its endpoints on the address that it is given, which its certificate names, and keeps control on loopback', () => withFolder(async (dir) => {
  let lab = await start('lab.mjs', '--dir', dir); // leaves certificates that do not name it
  assert.equal(await lab.end(), 0);
  lab = await start('lab.mjs', '--dir', dir, '--address', '127.0.0.2');
  const hosts = ['legacy', 'modern', 'tls', 'control'].map((name) => new URL(lab.ready[name]).hostname);
  assert.deepEqual(hosts, ['127.0.0.2', '127.0.0.2', '127.0.0.2', '127.0.0.1']);
  const ca = readFileSync(lab.ready.ca_file);
  assert.equal((await callModern(lab.ready.tls, 'server/discover', { ca })).status, 200);
  assert.equal(await lab.end(), 0);
}));

test('a signal ends each program within its second, also with connections open', () => withFolder(async (dir) => {
  const programs = [['lab.mjs', '--dir', dir], ['modern-stateless.mjs'], ['everything.mjs', '--transport', 'sse']];
  for (const [program, ...args] of programs) {
    for (const signal of ['SIGTERM', 'SIGINT']) {
      const server = await start(program, ...args);
      const url = new URL(server.ready.url ?? server.ready.legacy);
      const socket = net.connect({ host: url.hostname, port: Number(url.port) });
      socket.on('error', () => {});
      const closed = new Promise((resolve) => socket.on('close', resolve));
      socket.write(`POST ${url.pathname} HTTP/1.1\r\nHost: ${url.host}\r\nContent-Length: 100\r\n\r\nhalf`);
      assert.equal(await server.end(signal), 0);
      await closed;
    }
  }
}));

test('a port in use and a wrong command line are one line each', () => withFolder(async (dir) => {
  const taken = await start('modern-stateless.mjs');
  const { port } = new URL(taken.ready.url);
  const status = (program, ...args) => {
    const ran = spawnSync(process.execPath, [join(kFolder, program), ...args], { encoding: 'utf8' });
    assert.match(ran.stderr, /^[^\n]+\n$/);
    return [ran.status, ran.stderr];
  };
  assert.deepEqual(status('modern-stateless.mjs', '--port', port), [1, `--port ${port}: port in use\n`]);
  assert.deepEqual(status('everything.mjs', '--port', port), [1, `--port ${port}: port in use\n`]);
  assert.deepEqual(status('lab.mjs', '--dir', dir, '--tls-port', port), [1, `--tls-port ${port}: port in use\n`]);
  assert.equal(status('lab.mjs', '--dir', dir, '--port', '1')[0], 2);
  assert.equal(status('lab.mjs')[0], 2);
  assert.equal(status('lab.mjs', '--dir', dir, '--address', 'here')[0], 2);
  await taken.end();
}));
