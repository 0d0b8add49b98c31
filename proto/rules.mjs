// From the messages in ptp/v1 to what a reader holds each of them to: types, and the options of limits.proto.
import { readdirSync, readFileSync } from 'node:fs';
import protobuf from 'protobufjs';

const OPTIONS = {
  '(form)': 'form',
  '(word)': 'words',
  '(max_length)': 'maxLength',
  '(max_items)': 'maxItems',
  '(min)': 'min',
  '(max)': 'max',
  '(max_bytes)': 'maxBytes',
  '(as_list)': 'isList',
};

/** Message name → its members by JSON name, in their order. */
export function readRules(folder) {
  const root = new protobuf.Root();
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.proto') && name !== 'limits.proto')) {
    protobuf.parse(readFileSync(`${folder}${file}`, 'utf8'), root, { keepCase: true });
  }
  root.resolveAll();
  const types = root.lookup('ptp.v1').nestedArray.filter((one) => one instanceof protobuf.Type);
  return Object.fromEntries(
    types.map((type) => [
      type.name,
      {
        ...limitsOf(type),
        members: Object.fromEntries(type.fieldsArray.map((field) => [field.options.json_name, memberOf(field)])),
      },
    ]),
  );
}

function memberOf(field) {
  const isMap = field instanceof protobuf.MapField;
  return {
    type: field.resolvedType ? field.resolvedType.name : field.type,
    ...(isMap && { many: 'map' }),
    ...(field.repeated && { many: 'list' }),
    ...((isMap || field.repeated || field.options.proto3_optional) && { isOptional: true }),
    ...limitsOf(field),
  };
}

function limitsOf({ options = {}, parsedOptions }) {
  const given = parsedOptions ?? Object.entries(options).map(([name, value]) => ({ [name]: value }));
  const limits = {};
  for (const [name, value] of given.flatMap((one) => Object.entries(one))) {
    const limit = OPTIONS[name];
    if (limit === 'words') (limits.words ??= []).push(value);
    else if (limit !== undefined) limits[limit] = value;
    else if (name.startsWith('(')) throw new Error(`no option ${name} is known; see limits.proto`);
  }
  return limits;
}
