// Starts the programs of this folder, and talks to them with bare HTTP where a client library would hide too much.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';

export const kFolder = dirname(dirname(fileURLToPath(import.meta.url)));
export const kModernVersion = '2026-07-28';

const running = new Set();
after(() => running.forEach((child) => child.kill('SIGKILL'))); // those of a test that failed

/** Runs `node PROGRAM ARGS…` until `end()`; it ends with this process too. `ready` is its ready line. */
export async function start(program, ...args) {
  const child = spawn(process.execPath, [join(kFolder, program), '--end-with-stdin', ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  running.add(child);
  const exited = once(child, 'exit').finally(() => running.delete(child));
  const [line] = await Promise.race([once(createInterface({ input: child.stdout }), 'line'), exited]);
  if (typeof line !== 'string') throw new Error(`${program} ended with status ${line}`);
  const end = async (signal = 'SIGTERM') => {
    child.kill(signal);
    return (await exited)[0];
  };
  return { ready: JSON.parse(line), end };
}

/** Runs `body` with a fresh folder that is gone afterwards. */
export async function withFolder(body) {
  const folder = mkdtempSync(join(tmpdir(), 'quorate-lab-'));
  try {
    return await body(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** One request on a connection of its own (unless `agent`); resolves with `{status, headers, text}`. */
export async function send(url, { method = 'GET', body, headers, ...options } = {}) {
  const { request } = url.startsWith('https:') ? https : http;
  const sent = request(url, { method, headers, agent: false, ...options });
  sent.end(body);
  const [res] = await once(sent, 'response');
  let text = '';
  for await (const chunk of res) text += chunk;
  return { status: res.statusCode, headers: res.headers, text };
}

/** One JSON-RPC request of 2026-07-28; `answer` is the parsed body, if it is JSON. */
export async function callModern(url, rpc_method, options = {}) {
  const meta = { 'io.modelcontextprotocol/protocolVersion': kModernVersion, 'io.modelcontextprotocol/clientCapabilities': {} };
  const got = await send(url, {
    method: 'POST',
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: rpc_method, params: { _meta: meta } }),
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream',
      'mcp-protocol-version': kModernVersion, 'mcp-method': rpc_method },
    ...options,
  });
  const json = got.headers['content-type']?.startsWith('application/json');
  return { ...got, answer: json ? JSON.parse(got.text) : null };
}

/** Changes the lab's state; resolves with `{status, answer}` of the control API. */
export async function setState(lab, state, from = null) {
  const got = await send(`${lab.ready.control}/state`, { method: 'PUT', body: JSON.stringify({ state, from }) });
  return { status: got.status, answer: JSON.parse(got.text) };
}
