// @ts-check
import { format } from 'prettier';

/**
 * @typedef {{ name: string, what: string, unit: string, fallback: string | undefined, isRequired: boolean }} Setting
 * @typedef {{ title: string, services: string[], settings: Setting[] }} Section
 */

/**
 * Everything that is made of the descriptions of all settings: the content of each file, by its path.
 * @param {{ name: string, settings: readonly Setting[] }[]} services
 * @param {readonly Setting[]} local those of `npm start`
 * @returns {Promise<Record<string, string>>}
 */
export async function settingDocuments(services, local) {
  const sections = [...sectionsOf(services), { title: 'npm start', services: ['npm start'], settings: [...local] }];
  const options = { printWidth: 120, singleQuote: true };
  return {
    '.env.example': exampleOf(sections),
    'docs/settings.md': await format(pageOf(sections), { ...options, parser: 'markdown' }),
    'services/shared/settingNames.ts': await format(namesOf(sections), { ...options, parser: 'typescript' }),
  };
}

/**
 * What several services read alike comes first, then what is of one of them.
 * @param {{ name: string, settings: readonly Setting[] }[]} services
 * @returns {Section[]}
 */
function sectionsOf(services) {
  /** @type {Map<string, { setting: Setting, readers: string[] }>} */
  const all = new Map();
  for (const { name, settings } of services) {
    for (const setting of settings) {
      const key = JSON.stringify(setting);
      const known = all.get(key);
      if (known) known.readers.push(name);
      else all.set(key, { setting, readers: [name] });
    }
  }
  /** @type {Map<string, Section>} */
  const sections = new Map();
  const readersOf = [...all.values()].toSorted((a, b) => b.readers.length - a.readers.length);
  for (const { setting, readers } of readersOf) {
    const title = readers.length === services.length ? 'every service' : readers.join(', ');
    const section = sections.get(title) ?? { title, services: readers, settings: [] };
    section.settings.push(setting);
    sections.set(title, section);
  }
  return [...sections.values()];
}

/** @param {Section[]} sections */
function exampleOf(sections) {
  const head = `# Made from the settings themselves by \`npm run settings\`; docs/settings.md is the same as a table.
# Settings are environment variables, read once when a service starts; it reports all its mistakes together.
# Values given here are the defaults. An empty variable counts as absent.
# Sizes take units (512Mi, 1G) as durations do (250ms, 30s, 3d).
`;
  const texts = sections.map(({ title, settings }) => {
    const lines = settings.flatMap(({ name, what, unit, fallback, isRequired }) => [
      `# ${isRequired ? 'required: ' : ''}${what} [${unit}]`,
      `${isRequired || fallback === undefined ? '#' : ''}${name}=${fallback ?? ''}`,
    ]);
    return `\n# --- ${title}\n${lines.join('\n')}\n`;
  });
  return `${head}${commentRepeats(texts.join(''))}`;
}

/**
 * A file cannot give a variable two values: where services have different defaults, only the first one is set.
 * @param {string} text
 */
function commentRepeats(text) {
  const seen = new Set();
  const lines = text.split('\n').map((line) => {
    const name = /^([A-Z]\w*)=/.exec(line)?.[1];
    if (name === undefined) return line;
    if (seen.has(name)) return `#${line}`;
    seen.add(name);
    return line;
  });
  return lines.join('\n');
}

const cell = (/** @type {string} */ text) => text.replaceAll('|', '\\|').replaceAll('<', '\\<');

/** @param {Section[]} sections */
function pageOf(sections) {
  const tables = sections.map(({ title, settings }) => {
    const rows = settings.map(({ name, what, unit, fallback, isRequired }) => {
      const value = isRequired ? '**required**' : fallback === undefined ? '–' : `\`${fallback}\``;
      return `| \`${name}\` | ${value} | ${cell(unit)} | ${cell(what)} |`;
    });
    return `## ${title}\n\n| Setting | Default | Value | For |\n| --- | --- | --- | --- |\n${rows.join('\n')}\n`;
  });
  return `# Settings

Made from the settings themselves by \`npm run settings\`; \`.env.example\` lists the same.

Settings are environment variables, read once when a service starts; an empty one counts as absent. A service tells all its
mistakes together, each on a line, and does not start; a variable that is nearly a setting is one of them
(\`ENDPOINT_POLCY: did you mean ENDPOINT_POLICY?\`). \`node dist/services/<service>/main.js --help\` lists what a service reads.

- A **size** is \`512Mi\`, \`1G\`, \`1.5GiB\`: \`K\`, \`M\`, \`G\`, \`T\` are decimal, with \`i\` powers of 1 024. A plain number is bytes.
- A **duration** is \`250ms\`, \`30s\`, \`5min\`, \`12h\`, \`3d\`, \`1h30m\`. A plain number is of the unit named in the table.

${tables.join('\n')}`;
}

/** @param {Section[]} sections */
function namesOf(sections) {
  const names = [...new Set(sections.flatMap(({ settings }) => settings.map(({ name }) => name)))].toSorted();
  return `// Made by \`npm run settings\`.

/** The names of all settings of all services: what is close to one of them is a misspelling. */
export const SETTING_NAMES: readonly string[] = ${JSON.stringify(names)};
`;
}
