import { DeliveryStatus } from './deliveryStatus.js';

describe('the last error of a subscription', () => {
  it('of a consumer that refuses every event is counted from the first one on', () => {
    const status = new DeliveryStatus();
    status.refused('answered 422', 1_000);
    status.refused('answered 422', 2_000);
    expect(status.lastError).toEqual({ reason: 'answered 422', atMs: 2_000, sinceMs: 1_000, times: 2 });
    expect(status.isFailing).toBe(false);
  });

  it('is the last one, whether it is tried again or not', () => {
    const status = new DeliveryStatus();
    status.failed('answered 503', 1_000);
    status.refused('answered 422', 2_000);
    expect(status.lastError).toEqual({ reason: 'answered 422', atMs: 2_000, sinceMs: 1_000, times: 2 });
  });

  it('begins anew after a success', () => {
    const status = new DeliveryStatus();
    status.refused('answered 422', 1_000);
    status.succeeded(2_000);
    status.failed('answered 503', 3_000);
    expect(status.lastError).toEqual({ reason: 'answered 503', atMs: 3_000, sinceMs: 3_000, times: 1 });
  });
});
