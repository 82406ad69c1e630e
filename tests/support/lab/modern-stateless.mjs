// A plain stateless MCP server of 2026-07-28 with four tools. It never breaks; it answers the older eras too, as the SDK does by default.
import http from 'node:http';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { announce, endOnSignal, fail, listenOn, readOptions, readPort } from './process.mjs';

const kRoman = [
  [1000, 'M'], [900, 'CM'], [500, 'D'], [400, 'CD'], [100, 'C'], [90, 'XC'], [50, 'L'], [40, 'XL'], [10, 'X'], [9, 'IX'], [5, 'V'], [4, 'IV'], [1, 'I'],
];

function roman(number) {
  const found = kRoman.find(([value]) => value <= number);
  return found ? found[1] + roman(number - found[0]) : '';
}

function addTool(server, name, description, shape, compute) {
  server.registerTool(name, { description, inputSchema: z.object(shape) }, (request) => ({
    content: [{ type: 'text', text: String(compute(request)) }],
  }));
}

function makeServer() {
  const server = new McpServer({ name: 'modern-stateless', version: '1.0.0' });
  addTool(server, 'count_words', 'Counts the words of a text', { text: z.string().max(100_000) },
    ({ text }) => text.split(/\s+/).filter(Boolean).length);
  addTool(server, 'to_roman', 'Writes a number in Roman numerals', { number: z.number().int().min(1).max(3999) },
    ({ number }) => roman(number));
  addTool(server, 'to_fahrenheit', 'Turns degrees Celsius into Fahrenheit', { celsius: z.number() },
    ({ celsius }) => celsius * 9 / 5 + 32);
  addTool(server, 'day_of_week', 'Names the day of the week of a date', { date: z.iso.date() },
    ({ date }) => new Date(date).toLocaleDateString('en', { weekday: 'long', timeZone: 'UTC' }));
  return server;
}

const values = readOptions({ port: { type: 'string', default: '0' } });
const wanted = readPort(values, 'port');
const handler = toNodeHandler(createMcpHandler(makeServer));
const server = http.createServer((req, res) => {
  if (req.url === '/mcp') handler(req, res);
  else res.writeHead(404).end();
});
try {
  const port = await listenOn(server, wanted);
  endOnSignal(() => server.closeAllConnections(), values);
  announce({ url: `http://127.0.0.1:${port}/mcp` }, values['ready-file']);
} catch (error) {
  fail(`--port ${wanted}: ${error.code === 'EADDRINUSE' ? 'port in use' : error.message}`);
}
