import { JetStreamApiError } from '@nats-io/jetstream';
import type { KV, KvEntry } from '@nats-io/kv';
import { pino } from 'pino';
import { eventually } from '../../../test/support/eventually.js';
import { FakeClock } from '../../../test/support/fakeClock.js';
import type { Cursor } from './cursor.js';
import { CursorKeeper, CursorTaken } from './cursorKeeper.js';

/** A bucket with one key, whose next answer may get lost on its way. */
class Bucket {
  stored: Cursor | undefined;
  revision = 0;
  losesAnswer = false;
  reads = 0;

  async get(): Promise<KvEntry | null> {
    this.reads += 1;
    const { stored, revision } = this;
    return stored === undefined ? null : ({ revision, operation: 'PUT', json: () => stored } as unknown as KvEntry);
  }

  async put(_key: string, value: string, { previousSeq }: { previousSeq: number }): Promise<number> {
    if (previousSeq !== this.revision) {
      throw new JetStreamApiError({ code: 400, err_code: 10071, description: 'wrong last sequence' });
    }
    this.stored = JSON.parse(value) as Cursor;
    this.revision += 1;
    if (this.losesAnswer) throw new Error('timeout');
    return this.revision;
  }
}

const keeperOf = (bucket: Bucket, epoch: string, tail: () => number): CursorKeeper => timedKeeper(bucket, epoch, tail);

function timedKeeper(
  bucket: Bucket,
  epoch: string,
  tail: () => number,
  { clock = new FakeClock(), onTaken = () => {} }: { clock?: FakeClock; onTaken?: (err: CursorTaken) => void } = {},
): CursorKeeper {
  return new CursorKeeper({
    bucket: bucket as unknown as KV,
    key: 'cluster.0',
    epoch,
    clock,
    log: pino({ level: 'silent' }),
    positions: () => ({ stream: 's', tail: tail(), subs: {} }),
    onSaved: () => {},
    onTaken,
  });
}

describe('the keeper of the cursor', () => {
  it('saves the positions of the end also when the answer to the save before was lost', async () => {
    const bucket = new Bucket();
    let tail = 1;
    const keeper = keeperOf(bucket, 'mine', () => tail);
    await keeper.start();
    tail = 2;
    bucket.losesAnswer = true;
    await expect(keeper.save()).rejects.toThrow('timeout');
    bucket.losesAnswer = false;

    tail = 3;
    await keeper.stop();

    expect(bucket.stored?.tail).toBe(3);
  });

  it('does not overwrite what another gateway saved', async () => {
    const bucket = new Bucket();
    const keeper = keeperOf(bucket, 'mine', () => 1);
    await keeper.start();
    const other = keeperOf(bucket, 'other', () => 5);
    await other.load();
    await other.start();

    await expect(keeper.stop()).rejects.toThrow(CursorTaken);
    await other.stop();

    expect(bucket.stored).toMatchObject({ epoch: 'other', tail: 5 });
  });

  it('notices another gateway while nothing happens, and leaves the cursor to it', async () => {
    const bucket = new Bucket();
    const clock = new FakeClock();
    const taken: CursorTaken[] = [];
    const keeper = timedKeeper(bucket, 'mine', () => 1, { clock, onTaken: (err) => void taken.push(err) });
    await keeper.start();
    const other = keeperOf(bucket, 'other', () => 5);
    await other.load();
    await other.start();

    clock.advance({ seconds: 2 });
    await eventually(() => taken.length > 0);
    expect(taken[0]?.message).toBe('another gateway serves cluster.0: only one may at a time');
    await keeper.stop();
    expect(bucket.stored).toMatchObject({ epoch: 'other', tail: 5 });
    await other.stop();
  });

  it('only looks while nothing happens and nobody else has written', async () => {
    const bucket = new Bucket();
    const clock = new FakeClock();
    const keeper = timedKeeper(bucket, 'mine', () => 1, { clock });
    await keeper.start();
    const before = bucket.reads;
    clock.advance({ seconds: 2 });
    await eventually(() => bucket.reads > before);
    clock.advance({ seconds: 2 });
    await eventually(() => bucket.reads > before + 1);
    expect(bucket.revision).toBe(1);
    await keeper.stop();
  });
});
