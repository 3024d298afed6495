/**
 * Uses an MCP server as any client would that is not ours: `node mcp-client.mjs <url> <token> <tool> [<json arguments>]`
 * prints the names of the server's tools and what the tool answered.
 */

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const [url, token, name, text = "{}"] = process.argv.slice(2);
const client = new Client({ name: "another-client", version: "1.0.0" });
await client.connect(
  new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers: { Authorization: `Bearer ${token}` } } }),
);
const { tools } = await client.listTools();
const result = await client.callTool({ name, arguments: JSON.parse(text) });
await client.close();
process.stdout.write(JSON.stringify({ tools: tools.map((tool) => tool.name), result }));
