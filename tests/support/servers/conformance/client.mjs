// The client under test, as the conformance suite starts it: node client.mjs QUORATE URL. It probes the scenario's server as a user would, with
// a canary where the scenario waits for a tool call.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';

const [quorate, url] = process.argv.slice(2);
const scenario = process.env.MCP_CONFORMANCE_SCENARIO;
const context = JSON.parse(process.env.MCP_CONFORMANCE_CONTEXT ?? '{}');

const kCalls = {
  'tools_call': [{ name: 'add_numbers', arguments: { a: 5, b: 3 } }],
  'sse-retry': [{ name: 'test_reconnection', arguments: {} }],
  'http-standard-headers': [{ name: 'test_headers', arguments: {} }],
  'sep-2322-client-request-state': [{ name: 'test_mrtr_no_result_type', arguments: {} }],
  'http-invalid-tool-headers': [{ name: 'valid_tool', arguments: { region: 'us-west1' } }],
};

function probe(...options) {
  const done = spawnSync(quorate, ['probe', url, '--format', 'json', '--timeout', '15s', ...options], { encoding: 'utf8' });
  process.stdout.write(done.stdout);
  if (process.env.QUORATE_REPORT) writeFileSync(process.env.QUORATE_REPORT, done.stdout);
  process.stderr.write(done.stderr);
  return done.status;
}

function probeWithCanary({ name, arguments: given }) {
  return probe('--canary', name, '--canary-args', JSON.stringify(given));
}

const calls = context.toolCalls ?? kCalls[scenario];
if (scenario.startsWith('auth/')) process.exitCode = probe('--expect-auth-wall');
else if (calls) process.exitCode = Math.max(...calls.map(probeWithCanary));
else process.exitCode = probe();
