import { Webhook } from 'standardwebhooks';
import { keyOf, signature } from './sign.js';

const base64 = (bytes: number): string => Buffer.alloc(bytes, 0xa7).toString('base64');

describe('keyOf', () => {
  it.each([24, 25, 32, 64])('takes %i bytes', (bytes) => {
    expect(keyOf(`whsec_${base64(bytes)}`)).toHaveLength(bytes);
  });

  it.each([
    '',
    'whsec_',
    base64(32),
    `whsec_${base64(23)}`,
    `whsec_${base64(65)}`,
    `whsec_${base64(25).replace('=', '')}`,
    `whsec_${base64(32)} `,
    `whsec_${'!'.repeat(40)}`,
    `WHSEC_${base64(32)}`,
  ])('refuses %p', (secret) => {
    expect(keyOf(secret)).toBeUndefined();
  });
});

describe('signature', () => {
  it('is the one in the specification', () => {
    const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
    const message = { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', body: '{"test": 2432232314}' };
    expect(signature(secret, message, 1_614_265_330_000)).toEqual({
      'webhook-id': message.id,
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    });
  });

  it.each([24, 32, 33, 64])('with a key of %i bytes is accepted by a library of receivers', (bytes) => {
    const secret = `whsec_${base64(bytes)}`;
    const body = JSON.stringify({ id: 'a', data: { values: [{ value: 'LOCKED ✓' }] } });
    const headers = signature(secret, { id: 'a', body }, Date.now());
    expect(new Webhook(secret).verify(body, headers)).toEqual(JSON.parse(body));
    expect(() => new Webhook(secret).verify(`${body} `, headers)).toThrow('No matching signature');
  });

  it('is not there without a secret', () => {
    expect(signature(undefined, { id: 'a', body: '{}' }, 0)).toEqual({});
  });
});
