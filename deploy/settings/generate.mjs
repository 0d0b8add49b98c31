// @ts-check
// `npm run settings`: .env.example, docs/settings.md and the list of names, from the settings' own descriptions.
import { writeFileSync } from 'node:fs';
import { SERVICES } from '../local/services.mjs';
import { LOCAL_SETTINGS } from '../local/settings.mjs';
import { settingDocuments } from './documents.mjs';

if (process.argv.includes('--help')) {
  process.stdout.write(
    'Usage: npm run settings\n\nWrites .env.example, docs/settings.md and services/shared/settingNames.ts.\n',
  );
  process.exit();
}

const root = new URL('../../', import.meta.url);
const built = async (/** @type {string} */ path) => (await import(new URL(`dist/services/${path}`, root).href)).default;
const { settingsOf } = await built('shared/help.js');
const services = await Promise.all(
  SERVICES.map(async (name) => ({ name, settings: settingsOf((await built(`${name}/config.js`)).readConfig) })),
);
for (const [path, content] of Object.entries(await settingDocuments(services, LOCAL_SETTINGS))) {
  writeFileSync(new URL(path, root), content);
}
