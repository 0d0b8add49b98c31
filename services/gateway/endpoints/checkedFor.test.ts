import { pino } from 'pino';
import { openAccess, type Caller } from '../access/caller.js';
import { EndpointCheckFailed } from './check.js';
import { checkedFor } from './checkedFor.js';
import { EndpointRefused } from './policy.js';

const URL_OF_IT = new URL('http://inner.example.com:5432/event?key=secret');
const anybody = openAccess.callerOf({ authorization: '', address: '10.1.2.3' });
const known: Caller = { owner: 'token:a', isAuthenticated: true, roles: new Set(['subscriber']) };

const FAILED = EndpointCheckFailed.because(URL_OF_IT, 'connection refused', undefined);
const FORBIDDEN = new EndpointRefused(
  'the endpoint policy "cluster" forbids requests to inner.example.com at 127.0.0.1',
);

describe('the check of an endpoint', () => {
  let lines: string[];
  const checked = async (caller: Caller, err?: Error): Promise<unknown> => {
    const log = pino({}, { write: (line: string) => void lines.push(line) });
    const check = async (): Promise<void> => {
      if (err) throw err;
    };
    return checkedFor(caller, URL_OF_IT, check, log).catch((failed: unknown) => failed);
  };
  beforeEach(() => (lines = []));

  it('tells whoever has shown who it is why it failed', async () => {
    expect([await checked(known, FAILED), await checked(known, FORBIDDEN)]).toEqual([FAILED, FORBIDDEN]);
  });

  it('tells anybody else only that it failed', async () => {
    const failed = await checked(anybody, FAILED);
    expect(failed).toBeInstanceOf(EndpointCheckFailed);
    expect((failed as Error).message).not.toMatch(/refused/);
    const forbidden = await checked(anybody, FORBIDDEN);
    expect(forbidden).toBeInstanceOf(EndpointRefused);
    expect((forbidden as Error).message).not.toMatch(/127/);
  });

  it('is logged with the reason, without the path of the endpoint, when it failed', async () => {
    await checked(anybody);
    expect(lines).toEqual([]);
    await checked(anybody, FAILED);
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ caller: '10.1.2.3', reason: 'connection refused' });
    expect(lines[0]).not.toMatch(/secret/);
  });

  it('passes on what is no answer to a check', async () => {
    const err = new Error('else');
    expect(await checked(anybody, err)).toBe(err);
    expect(lines).toEqual([]);
  });
});
