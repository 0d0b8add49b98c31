// @ts-check
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

/** @param {string} url */
async function answers(url) {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(1_000) })).ok;
  } catch {
    return false;
  }
}
