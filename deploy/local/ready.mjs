// @ts-check
import { get } from 'node:http';
import { get as getSecurely } from 'node:https';
import { setTimeout as pause } from 'node:timers/promises';

const BETWEEN_MS = 50;

/**
 * Waits until a URL answers 200.
 * @param {string} url
 * @param {number} withinMs
 * @param {AbortSignal} signal ends the wait with its reason
 * @returns {Promise<boolean>} whether it did
 */
export async function isReady(url, withinMs, signal) {
  const end = performance.now() + withinMs;
  while (performance.now() < end) {
    if (await answers(url)) return true;
    await pause(BETWEEN_MS);
    signal.throwIfAborted();
  }
  return false;
}

/**
 * With node:http, because fetch refuses some ports.
 * @param {string} url
 * @returns {Promise<boolean>}
 */
function answers(url) {
  return new Promise((resolve) => {
    /** @param {import('node:http').IncomingMessage} response */
    const look = (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    };
    // The process is ours: whose certificate it has does not matter here.
    const request = url.startsWith('https:')
      ? getSecurely(url, { agent: false, timeout: 1_000, rejectUnauthorized: false }, look)
      : get(url, { agent: false, timeout: 1_000 }, look);
    request.once('timeout', () => request.destroy());
    request.once('close', () => resolve(false));
    request.once('error', () => resolve(false));
  });
}
