// Makes services/shared/contract/ from this folder: message types, names on the bus, REST types.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { compile } from 'json-schema-to-typescript';
import protobuf from 'protobufjs';
import { parse } from 'yaml';
import { readRules } from './rules.mjs';

if (process.argv.includes('--help')) {
  process.stdout.write('Usage: npm run proto\n\nMakes services/shared/contract/ from the files in proto/.\n');
  process.exit();
}

const here = fileURLToPath(new URL('.', import.meta.url));
const out = fileURLToPath(new URL('../services/shared/contract/', import.meta.url));
const bin = fileURLToPath(new URL('../node_modules/.bin', import.meta.url));

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });

execFileSync(`${bin}/buf`, ['generate'], {
  cwd: here,
  stdio: ['ignore', 'inherit', 'inherit'],
  env: { ...process.env, PATH: `${bin}:${process.env.PATH}` },
});

const bus = parse(readFileSync(`${here}bus.yaml`, 'utf8'));
writeFileSync(
  `${out}bus.ts`,
  `// Made from proto/bus.yaml by \`npm run proto\`.\nexport const bus = ${JSON.stringify(bus, null, 2)} as const;\n`,
);

writeFileSync(
  `${out}messages.ts`,
  `// Made from proto/ptp by \`npm run proto\`: what a reader holds each message to.\nexport const messages = ${JSON.stringify(readRules(`${here}ptp/v1/`), null, 2)} as const;\n`,
);

const openapi = parse(readFileSync(`${here}openapi-v1.yaml`, 'utf8'));
const types = await compile(
  {
    title: 'RestV1',
    type: 'object',
    properties: Object.fromEntries(
      Object.keys(openapi.components.schemas).map((name) => [name, { $ref: `#/components/schemas/${name}` }]),
    ),
    additionalProperties: false,
    components: openapi.components,
  },
  'RestV1',
  { bannerComment: '// Made from proto/openapi-v1.yaml by `npm run proto`.', additionalProperties: false },
);
writeFileSync(`${out}rest-v1.d.ts`, types);

// The gateway serves the document itself, so it has to be in the build.
writeFileSync(
  `${out}openapi-v1.ts`,
  `// Made from proto/openapi-v1.yaml by \`npm run proto\`.\nexport const openapi: object = ${JSON.stringify(openapi)};\n`,
);

// OTLP is decoded by the reflection of protobufjs, which is given the messages as JSON.
const otlp = new protobuf.Root();
otlp.resolvePath = (_, target) => `${here}${target}`;
otlp.loadSync(['opentelemetry/proto/collector/trace/v1/trace_service.proto', 'google/rpc/status.proto']);
writeFileSync(
  `${out}otlp.ts`,
  `// Made from proto/opentelemetry and proto/google by \`npm run proto\`.\nexport const otlp = ${JSON.stringify(otlp.toJSON())};\n`,
);
