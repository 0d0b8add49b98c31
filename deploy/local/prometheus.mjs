// @ts-check
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CannotStart } from './cannotStart.mjs';
import { findProgram, isProgram, provideProgram } from './programs.mjs';

const SOURCE = 'observability/prometheus/prometheus.yml';

/**
 * The Prometheus program; undefined where there is none and none is wanted.
 * @param {NodeJS.ProcessEnv} env
 * @param {{ isWanted: boolean, signal?: AbortSignal | undefined }} options `isWanted`: installed when it is missing
 * @returns {Promise<string | undefined>}
 */
export async function providePrometheus(env, { isWanted, signal }) {
  if (env['PROMETHEUS']) {
    if (isProgram(env['PROMETHEUS'])) return env['PROMETHEUS'];
    throw new CannotStart(`PROMETHEUS names no program: ${env['PROMETHEUS']}.`);
  }
  if (!isWanted) return findProgram('prometheus', env);
  const { program, wasTried } = await provideProgram('prometheus', env, signal);
  if (program !== undefined) return program;
  throw new CannotStart(
    `Prometheus is missing${wasTried ? ' and apt-get could not install it, see above' : ''}: install it (Debian: ` +
      '"sudo apt-get install prometheus"; others: https://prometheus.io/download/, put it on PATH or name it in PROMETHEUS).',
  );
}

/**
 * @typedef {object} Target
 * @property {string} address host:port
 * @property {Record<string, string>} [labels]
 * @property {string} [scheme] https, where it is not http
 * @property {object} [tls_config] as Prometheus knows them
 * @property {object} [authorization]
 */

/**
 * Writes our configuration with other targets: the same jobs and rules.
 * @param {string} root
 * @param {string} folder where to
 * @param {Record<string, Target>} targets by job
 * @param {number} [intervalS] of scraping and of the rules
 * @returns {Promise<string>} the file
 */
export async function writePrometheusConfig(root, folder, targets, intervalS = 5) {
  // Not there before the dependencies are installed.
  const { parse, stringify } = await import('yaml');
  const config = parse(readFileSync(join(root, SOURCE), 'utf8'));
  config.global = { ...config.global, scrape_interval: `${intervalS}s`, evaluation_interval: `${intervalS}s` };
  config.rule_files = [join(root, 'observability/prometheus/rules/*.yml')];
  for (const job of config.scrape_configs) {
    const { address, labels = {}, ...access } = targets[job.job_name] ?? { address: '' };
    Object.assign(job, access);
    job.static_configs = [{ targets: [address], labels }];
  }
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'prometheus.yml');
  // It may hold a token. The mode is that of a new file.
  rmSync(file, { force: true });
  writeFileSync(file, stringify(config), { mode: 0o600 });
  return file;
}

/**
 * @param {string} program
 * @param {{ config: string, folder: string, port: number }} options
 */
export const prometheusCommand = (program, { config, folder, port }) => [
  program,
  `--config.file=${config}`,
  `--storage.tsdb.path=${join(folder, 'data')}`,
  '--storage.tsdb.retention.time=7d',
  `--web.listen-address=127.0.0.1:${port}`,
  '--enable-feature=exemplar-storage',
  '--log.level=warn',
];
