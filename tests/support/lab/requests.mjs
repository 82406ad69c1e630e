// The HTTP side of an endpoint: breaks the request as the state says, or hands it to the SDK.
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { kHoldMsMax } from './gate.mjs';

const kBodyBytesMax = 1024 * 1024;
const kPath = '/mcp';

/** The whole body, or null when it is longer than `limit` bytes. Rejects when the client leaves before its end. */
export async function readBody(req, limit = kBodyBytesMax) {
  const chunks = [];
  let bytes = 0;
  for await (const chunk of req.iterator({ destroyOnReturn: false })) {
    bytes += chunk.length;
    if (bytes > limit) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The JSON-RPC methods in a body (a batch has several); none when it is not JSON-RPC. */
function rpcMethods(body) {
  try {
    return [JSON.parse(body)].flat().map((message) => message?.method).filter((method) => typeof method === 'string');
  } catch {
    return [];
  }
}

function answer(res, status, type, text, headers = {}) {
  res.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(text), ...headers });
  res.end(text);
}

/** Logs once: when the head of the answer is written, or when the connection closes without one. */
function logAnswer(log, res, entry, state) {
  const { writeHead } = res;
  let logged = false;
  const write = (status) => {
    if (!logged) log.write({ ...entry, status, state: state().text });
    logged = true;
  };
  res.writeHead = function (status, ...rest) {
    write(status);
    return writeHead.call(this, status, ...rest);
  };
  res.once('close', () => write(null));
}

/** Keeps a tools/list back while the state says so; false when the client left or was held for too long. */
async function waitItsTurn(store, source, res) {
  const left = new AbortController();
  res.once('close', () => left.abort());
  const held = AbortSignal.any([left.signal, AbortSignal.timeout(kHoldMsMax)]);
  try {
    const state = store.get(source);
    if (state.name === 'slow') await sleep(state.delay_ms, undefined, { signal: left.signal });
    while (store.get(source).name === 'hang-list') await once(store, 'change', { signal: held });
    return !res.destroyed;
  } catch {
    res.destroy();
    return false;
  }
}

/** RFC 9728 and RFC 8414 documents, so that the wall of the state `auth` is a sound one; null for other paths. */
function authMetadata(path, origin) {
  if (path === `/.well-known/oauth-protected-resource${kPath}`) {
    return { resource: `${origin}${kPath}`, authorization_servers: [origin] };
  }
  if (path === '/.well-known/oauth-authorization-server') {
    return { issuer: origin, authorization_endpoint: `${origin}/authorize`, token_endpoint: `${origin}/token`,
      response_types_supported: ['code'], code_challenge_methods_supported: ['S256'] };
  }
  return null;
}

function answerAuth(req, res, origin) {
  const metadata = authMetadata(req.url, origin);
  if (metadata) return answer(res, 200, 'application/json', JSON.stringify(metadata));
  const challenge = `Bearer realm="lab", resource_metadata="${origin}/.well-known/oauth-protected-resource${kPath}"`;
  return answer(res, 401, 'application/json', '{"error":"unauthorized"}', { 'www-authenticate': challenge });
}

/** A listener for node's http and https servers. `mcp` is `{whole, without_search}`, `origin()` the endpoint's scheme, host and port. */
export function makeListener({ endpoint, store, mcp, log, origin }) {
  const whole = toNodeHandler(mcp.whole);
  const without_search = toNodeHandler(mcp.without_search);

  async function handle(req, res) {
    const source = req.socket.remoteAddress;
    const state = () => store.get(source);
    const body = await readBody(req);
    const methods = rpcMethods(body);
    logAnswer(log, res, { endpoint, source, http_method: req.method, rpc_method: methods.join(',') || null }, state);
    if (body === null) return answer(res, 413, 'text/plain', 'body too large\n', { connection: 'close' });
    if (methods.includes('tools/list') && !(await waitItsTurn(store, source, res))) return undefined;

    const name = state().name;
    if (name === 'down' || name === 'hang') return res.destroy(); // set just now: the gate cuts this connection too
    if (name === 'auth') return answerAuth(req, res, origin());
    if (name === 'error') return answer(res, 500, 'text/plain', 'Internal Server Error\n');
    if (name === 'html') return answer(res, 200, 'text/html', '<!doctype html><title>Parked</title><p>Nothing here yet.</p>\n');
    if (req.url !== kPath) return answer(res, 404, 'text/plain', 'Not Found\n');
    const request = Object.assign(Readable.from(body.length ? [body] : []), { method: req.method, url: req.url, headers: req.headers });
    return (name === 'tool-missing' ? without_search : whole)(request, res);
  }

  return (req, res) => {
    handle(req, res).catch(() => res.destroy());
  };
}
