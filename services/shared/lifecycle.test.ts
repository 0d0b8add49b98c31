import { pino } from 'pino';
import { Lifecycle } from './lifecycle.js';

describe('a lifecycle', () => {
  it('closes in reverse order, a failing step included, and only once', async () => {
    const closed: string[] = [];
    const life = new Lifecycle(pino({ level: 'silent' }));
    life.onStop('first', () => closed.push('first'));
    life.onStop('failing', () => {
      closed.push('failing');
      throw new Error('cannot');
    });
    life.onStop('last', async () => {
      await Promise.resolve();
      closed.push('last');
    });

    await Promise.all([life.stop(), life.stop()]);

    expect(closed).toEqual(['last', 'failing', 'first']);
    expect(life.isStopping).toBe(true);
  });
});
