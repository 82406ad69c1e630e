// Runs the reference server `@modelcontextprotocol/server-everything` unchanged, but on loopback alone:
// by itself it listens on every interface. Here every listen() of this process is held to 127.0.0.1.
import net from 'node:net';
import { announce, endOnSignal, fail, kLoopback, readOptions, readPort } from './process.mjs';

const kPaths = { streamableHttp: '/mcp', sse: '/sse' };

const values = readOptions({
  transport: { type: 'string', default: 'streamableHttp' }, port: { type: 'string', default: '0' }, verbose: { type: 'boolean' },
});
const port = readPort(values, 'port');
const path = Object.hasOwn(kPaths, values.transport) ? kPaths[values.transport] : fail('--transport: streamableHttp or sse', 2);

function failToListen(error) {
  fail(`--port ${port}: ${error.code === 'EADDRINUSE' ? 'port in use' : error.message}`);
}

/** Makes the next server to listen do so on loopback; resolves with it when it does. */
function holdToLoopback() {
  const { listen } = net.Server.prototype;
  return new Promise((resolve) => {
    net.Server.prototype.listen = function (_, on_listening) {
      this.prependOnceListener('error', failToListen); // before its own listener, which ends the process
      this.once('listening', () => resolve(this.off('error', failToListen)));
      return listen.call(this, port, kLoopback, on_listening);
    };
  });
}

const listening = holdToLoopback();
if (!values.verbose) console.log = console.error = () => {}; // it writes a line for each message
process.env.PORT = String(port);
process.argv[2] = values.transport; // how its launcher is told
await import('./node_modules/@modelcontextprotocol/server-everything/dist/index.js');

const server = await listening;
const url = `http://${kLoopback}:${server.address().port}${path}`;
const answer = await fetch(url, { headers: { accept: 'text/event-stream' } }); // any answer will do
await answer.body.cancel();
process.removeAllListeners('SIGINT'); // its own handler, which would race with ours
endOnSignal(() => server.closeAllConnections(), values);
announce({ url }, values['ready-file']);
