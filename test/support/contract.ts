import { join } from 'node:path';
import { dereference, parse, validate } from '@readme/openapi-parser';
import addFormats from 'ajv-formats';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';

const SPEC = join(__dirname, '../../proto/openapi-v1.yaml');
const METHODS = ['get', 'post', 'put', 'delete'] as const;

interface Operation {
  operationId: string;
  responses: Record<string, { headers?: Record<string, unknown>; content?: Record<string, { schema: object }> }>;
}
type Servers = { url: string }[];
interface Spec {
  servers: Servers;
  paths: Record<string, Partial<Record<(typeof METHODS)[number], Operation>> & { servers?: Servers }>;
}

export interface Contract {
  /** Like fetch, and checks the answer against the OpenAPI document: status, headers, content type and body. */
  fetch(url: string, init?: RequestInit): Promise<Response>;
  /** The operations of the document that have not been seen to succeed yet. */
  unseen(): string[];
}

export async function loadContract(): Promise<Contract> {
  const isValid = await validate(await parse(SPEC));
  if (!isValid.valid) throw new Error(`proto/openapi-v1.yaml is not OpenAPI 3.1: ${JSON.stringify(isValid.errors)}`);
  const spec = (await dereference(SPEC)) as unknown as Spec;
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  addFormats.default(ajv);
  const operations = Object.values(spec.paths).flatMap((path) => METHODS.flatMap((method) => path[method] ?? []));
  const unseen = new Set(operations.map(({ operationId }) => operationId));
  const validators = new Map<object, ValidateFunction>();

  const check = async (method: string, path: string, response: Response): Promise<void> => {
    const operation = operationOf(spec, method, path);
    if (operation === undefined) return checkUndocumented(response, method, path);
    const what = `${method} ${path} → ${response.status}`;
    const documented = operation.responses[String(response.status)];
    if (documented === undefined) throw new Error(`${what} is not in the contract`);
    for (const header of Object.keys(documented.headers ?? {})) {
      if (!response.headers.has(header)) throw new Error(`${what} has no ${header}`);
    }
    const type = (response.headers.get('content-type') ?? '').split(';')[0] ?? '';
    const schema = documented.content?.[type]?.schema;
    if (schema === undefined) throw new Error(`${what} has content type "${type}"`);
    const text = await response.text();
    const isMatch = validators.get(schema) ?? ajv.compile(schema);
    validators.set(schema, isMatch);
    if (!isMatch(type === 'text/plain' ? text : JSON.parse(text))) {
      throw new Error(`${what}: ${ajv.errorsText(isMatch.errors)} in ${text}`);
    }
    if (response.ok) unseen.delete(operation.operationId);
  };

  return {
    async fetch(url, init = {}) {
      const response = await fetch(url, init);
      await check((init.method ?? 'GET').toLowerCase(), new URL(url).pathname, response.clone());
      return response;
    },
    unseen: () => [...unseen],
  };
}

/** What the contract does not know is refused, as a problem. */
function checkUndocumented(response: Response, method: string, path: string): void {
  if (response.status < 400) throw new Error(`${method} ${path} → ${response.status} is not in the contract`);
  const type = response.headers.get('content-type') ?? '';
  if (!type.startsWith('application/problem+json'))
    throw new Error(`${method} ${path} → ${response.status} is ${type}`);
}

function operationOf(spec: Spec, method: string, path: string): Operation | undefined {
  const templates = Object.keys(spec.paths).filter((template) =>
    (spec.paths[template]?.servers ?? spec.servers).some(({ url: base }) => {
      const pattern = `${base}${template}`.replace('//', '/').replace('{resource}', '.+').replace('{id}', '[^/]+');
      return new RegExp(`^${pattern}$`).test(path);
    }),
  );
  const known = METHODS.find((candidate) => candidate === method);
  // An exact path comes before one with parameters.
  const [template] = templates.toSorted((a, b) => Number(a.includes('{')) - Number(b.includes('{')));
  return template === undefined || known === undefined ? undefined : spec.paths[template]?.[known];
}
