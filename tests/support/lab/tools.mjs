// The tools of the lab's endpoints. `registerTool` of the SDK's v1 and v2 take them alike.
import { z } from 'zod';

const kDocuments = [
  { id: 'health', title: 'Health of the cluster', text: 'How we look at the health of a service, and what to do when it is bad.' },
  { id: 'runbook', title: 'Runbook for outages', text: 'Who is called first, what to look at, when to roll back.' },
  { id: 'retrieval', title: 'Retrieval of documents', text: 'The index is rebuilt each night; a query reads two shards.' },
  { id: 'limits', title: 'Limits', text: 'Queries longer than 200 characters are refused.' },
];

/** Case-insensitive search of titles and texts. */
function searchDocuments({ query, limit }) {
  const wanted = query.toLowerCase();
  const found = kDocuments.filter(({ title, text }) => `${title} ${text}`.toLowerCase().includes(wanted));
  return { total_results: found.length, results: found.slice(0, limit).map(({ id, title }) => ({ id, title })) };
}

function textAnswer(text) {
  return { content: [{ type: 'text', text }] };
}

// Made once: endpoints build a server for each session or request, and schemas are what costs most of it.
const kEcho = {
  description: 'Gives back the text it was given',
  inputSchema: z.object({ text: z.string().max(10_000).describe('Any text') }),
};
const kAdd = {
  description: 'Adds two numbers',
  inputSchema: z.object({ a: z.number(), b: z.number() }),
};
const kSearchDocuments = {
  title: 'Search documents',
  description: 'Finds documents by a word of their title or text',
  inputSchema: z.object({
    query: z.string().min(1).max(200).describe('What to look for'),
    limit: z.number().int().min(1).max(50).default(10).describe('At most this many results'),
  }),
  outputSchema: z.object({
    total_results: z.number().int(),
    results: z.array(z.object({ id: z.string(), title: z.string() })),
  }),
};

/** Registers the lab's tools and gives back the one that the state `tool-missing` takes away. */
export function registerLabTools(server) {
  server.registerTool('echo', kEcho, ({ text }) => textAnswer(text));
  server.registerTool('add', kAdd, ({ a, b }) => textAnswer(String(a + b)));
  return server.registerTool('search_documents', kSearchDocuments, (request) => {
    const found = searchDocuments(request);
    return { ...textAnswer(JSON.stringify(found)), structuredContent: found };
  });
}
