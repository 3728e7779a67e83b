// Writes src/wire.ts: the TypeScript types of what the server sends, from the JSON Schema that
// the Python package gives. With --check it writes nothing and fails when the file is stale.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { compile } from 'json-schema-to-typescript';

const root = fileURLToPath(new URL('../..', import.meta.url));
const target = fileURLToPath(new URL('../src/wire.ts', import.meta.url));
const packageJson = fileURLToPath(new URL('../package.json', import.meta.url));
const banner = `// Made by \`jlpm wire\` from mlops_jupyter/wire.py. Do not edit.\n`;
const program = `
import json, textwrap
from mlops_jupyter import wire
schema = wire.schema()
for noun in schema["$defs"].values():
    first, _, rest = noun.get("description", "").partition("\\n")
    noun["description"] = (first + "\\n" + textwrap.dedent(rest)).strip()
print(json.dumps(schema))
`;

/** A dict of anything is `{"type": "object"}` in the schema: say that it may hold anything. */
function openPlainObjects(node) {
  if (node === null || typeof node !== 'object') {
    return;
  }
  if (node.type === 'object' && !node.properties) {
    node.additionalProperties ??= true;
  }
  Object.values(node).forEach(openPlainObjects);
}

const schema = JSON.parse(
  execFileSync('python', ['-c', program], {
    cwd: root,
    encoding: 'utf8'
  })
);
openPlainObjects(schema);
const { prettier } = JSON.parse(readFileSync(packageJson, 'utf8'));
const names = Object.keys(schema.$defs);
const code = await compile(
  {
    ...schema,
    title: 'Everything',
    type: 'object',
    properties: Object.fromEntries(
      names.map(name => [name, { $ref: `#/$defs/${name}` }])
    )
  },
  'Everything',
  { additionalProperties: false, bannerComment: banner, style: prettier }
);
// the root is only there to reach every noun
const text = code.replace(/export interface Everything \{[^}]*\}\n/, '');

if (!process.argv.includes('--check')) {
  writeFileSync(target, text);
} else if (text !== readFileSync(target, 'utf8')) {
  console.error('src/wire.ts is stale: run `jlpm wire`');
  process.exit(1);
}
