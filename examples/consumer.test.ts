import { eventLine, type PushedEvent } from './consumer.js';

const event = (values: PushedEvent['data']['values']): PushedEvent => ({
  id: 'a',
  source: '/cluster/node/n/sync/ptp-status/lock-state',
  time: '2026-03-01T12:00:00.123Z',
  data: { values },
});
const now = Date.parse('2026-03-01T12:00:00.125Z');

describe('a line of the demo consumer', () => {
  it.each([
    [{ dataType: 'notification' }, { dataType: 'metric' }],
    [{ data_type: 'notification' }, { data_type: 'metric' }],
  ])('shows time, resource, state, offset, sequence and latency: %j', (state, metric) => {
    const line = eventLine(
      event([
        { ...state, value: 'HOLDOVER' },
        { ...metric, value: '-136' },
      ]),
      { 'ptp-sequence': '1795356456124' },
      now,
    );
    expect(line).toBe('12:00:00.123  lock-state           HOLDOVER        -136 ns  sequence 1795356456124     2 ms');
  });

  it('shows no offset where there is none', () => {
    const line = eventLine(event([{ dataType: 'notification', value: 'LOCKED' }]), { 'ptp-sequence': '1' }, now);
    expect(line).not.toContain('ns');
  });

  it('shows no latency of a state that is older than the subscription', () => {
    const headers = { 'ptp-sequence': '1', 'ptp-initial': 'true' };
    expect(eventLine(event([{ dataType: 'notification', value: 'LOCKED' }]), headers, now)).toContain('initial');
  });
});
