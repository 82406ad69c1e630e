// The control API: GET /state, PUT /state.
import { createServer } from 'node:http';
import { readBody } from './requests.mjs';

const kBodyBytesMax = 64 * 1024;

function answer(res, status, value) {
  res.writeHead(status, { 'content-type': 'application/json' });
  res.end(`${JSON.stringify(value)}\n`);
}

/** `{state, from}` out of a PUT's body; throws an Error that says what is wrong. */
function readChange(body) {
  if (body === null) throw new Error('the body is too large');
  let change;
  try {
    change = JSON.parse(body);
  } catch {
    throw new Error('the body is not JSON');
  }
  if (typeof change?.state !== 'string') throw new Error('state: a string is wanted');
  if (change.from != null && typeof change.from !== 'string') throw new Error('from: a string or null is wanted');
  return { state: change.state, from: change.from ?? null };
}

/** A server that answers a change only when every gate has put it into force. Changes come into force one after another. */
export function makeControl(store, gates) {
  let last = Promise.resolve();

  async function change(res, body) {
    try {
      const { state, from } = readChange(body);
      store.set(state, from);
    } catch (error) {
      return answer(res, 400, { error: error.message });
    }
    await Promise.all(gates.map((gate) => gate.apply()));
    return answer(res, 200, store);
  }

  return createServer(async (req, res) => {
    if (req.url !== '/state') return answer(res, 404, { error: 'only /state is here' });
    if (req.method === 'GET') return answer(res, 200, store);
    if (req.method !== 'PUT') return answer(res, 405, { error: 'GET or PUT' });
    const body = await readBody(req, kBodyBytesMax).catch(() => null);
    last = last.then(() => change(res, body)).catch((error) => answer(res, 500, { error: error.message }));
    return last;
  });
}
