// Loaded before the conformance suite, which is run unchanged but for two things: its scenario servers are held to loopback (they would listen
// on every interface), and on Node 20 `fs.globSync`, which only its report of SDK tiers uses, is taken out of the import that fails without it.
import fs from 'node:fs';
import { register } from 'node:module';
import net from 'node:net';

const kLoopback = '127.0.0.1';
const kBacklog = 511;

// Some scenarios read address() right after listen(port): so this binds at once, as listen() does without a host, and not after a look-up.
const { listen } = net.Server.prototype;
net.Server.prototype.listen = function (port, ...rest) {
  if (typeof port !== 'number') return listen.call(this, port, ...rest);
  const on_listening = rest.find((argument) => typeof argument === 'function');
  if (on_listening) this.once('listening', on_listening);
  this._listen2(kLoopback, port, 4, kBacklog);
  return this;
};

const kLoader = `
export async function load(url, context, next) {
  const loaded = await next(url, context);
  if (!url.endsWith('/conformance/dist/index.js')) return loaded;
  const source = String(loaded.source);
  const [text, name] = source.match(/globSync as (\\w+),/);
  return { ...loaded, source: source.replace(text, '') + ';var ' + name + ';' };
}`;
if (!('globSync' in fs)) register(`data:text/javascript,${encodeURIComponent(kLoader)}`);
